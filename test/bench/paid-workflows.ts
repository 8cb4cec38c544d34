import { EntitiesServiceDefinition } from '#protos/models/entities/v1/entities.js';
import { quote, service } from '#workflows/api.js';

const maxPrice = { extract: '100' };
const ordinary = service(EntitiesServiceDefinition, { name: 'ordinary', maxPrice, calls: 100 });
/** Short enough, it says, to run as a local activity. */
const local = service(EntitiesServiceDefinition, { name: 'local', maxPrice, calls: 100, startToCloseTimeout: '5s' });
const many = service(EntitiesServiceDefinition, { name: 'many', maxPrice, calls: 1_000_000 });

export async function ordinarySteps(text: string, count: number): Promise<void> {
  await quote({ services: [ordinary] });
  for (let i = 0; i < count; i++) await ordinary.extract({ text });
}

export async function localSteps(text: string, count: number): Promise<void> {
  await quote({ services: [local] });
  for (let i = 0; i < count; i++) await local.extract({ text });
}

/** Leaves enough in the channel that no run that is measured waits for a block. */
export async function fillChannel(): Promise<void> {
  await quote({ services: [many] });
}
