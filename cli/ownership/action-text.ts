import { type ContractName, interfaceOf } from '#contracts/artifact.js';
import type { UnsignedTransaction } from '#contracts/chain.js';

/** What governors of ours command. */
const commanded = ['Revenue', 'Shares', 'WeftGovernor', 'TimelockController'] as const satisfies ContractName[];

/** What an action does, as "setFee(bps 100, treasury 0x…)"; what is of no contract of ours as address and bytes. */
export function actionText({ to, data }: UnsignedTransaction): string {
  for (const name of commanded) {
    const call = interfaceOf(name).parseTransaction({ data });
    if (call === null) continue;
    const args = call.fragment.inputs.map((input, i) => `${input.name.replace(/_$/, '')} ${call.args[i]}`);
    return `${call.name}(${args.join(', ')})`;
  }
  return `${to} ${data}`;
}
