import type { Requirement } from '#core/requirement.js';
import { refusal } from './failure.js';
import type { AnyStub } from './stub.js';

const declared = new Map<AnyStub, readonly Requirement[]>();

/** Remembers what a stub may call. */
export const declareRequirements = (stub: AnyStub, requirements: readonly Requirement[]): void => {
  declared.set(stub, requirements);
};

/** What the given stubs, or all that are declared, want to call. */
export function declaredRequirements(stubs?: readonly AnyStub[]): Requirement[] {
  const all = [...declared.values()].flat();
  const twice = all.find(({ step }, i) => all.findIndex((each) => each.step === step) !== i);
  if (twice !== undefined)
    throw refusal('INVALID_INPUT', `two stubs have a step ${twice.step}: give one of them another \`name\``, {
      field: 'name',
      step: twice.step,
    });
  if (stubs === undefined) return all;
  return stubs.flatMap((stub) => {
    const requirements = declared.get(stub);
    if (requirements === undefined) throw refusal('INVALID_INPUT', 'services must be stubs made with service()');
    return requirements;
  });
}
