// The forge tests as a tree of facts, given / when / it. It is read from their names, so there is nothing beside the
// tests that could say something else:
//
//   escrow/Claim.t.sol        contract EscrowClaim_GivenAnOpenChannel_GivenAClaimBefore
//                             function test_T4_WhenTheSameVoucherIsClaimedTwice_ItPaysOnce
//
// A contract is the state that its `setUp` makes, a function what happens then and what follows; T4 and I2 are rows of
// docs/SECURITY.md.
const NAME = /^(test|testFuzz|invariant)((?:_[TI]\d+)*)((?:_(?:Given|When)[A-Z][A-Za-z0-9]*)*)(_It[A-Z][A-Za-z0-9]*)$/;
const KINDS = { test: [], testFuzz: ['fuzzed'], invariant: ['campaign'] };

/**
 * @param {Record<string, Record<string, string[]>>} listing tests by file and contract, as `forge test --list --json` has them
 * @returns {{facts: {path: string[], notes: string[]}[], faults: string[]}} one fact per test, in the listing's order;
 *   a fault is a sentence about a name that is no place in the tree
 */
export function readFacts(listing) {
  const facts = [];
  const faults = [];
  for (const [file, contracts] of Object.entries(listing)) {
    const suite = file.replace(/^contracts\/test\//, '');
    const stem = suite.replace(/\.t\.sol$/, '').replace(/(^|\/)(\w)/g, (_, _slash, letter) => letter.toUpperCase());
    for (const [contract, names] of Object.entries(contracts)) {
      const states = new RegExp(`^${stem}((?:_Given[A-Z][A-Za-z0-9]*)*)$`).exec(contract)?.[1];
      if (states === undefined) {
        faults.push(`${suite}: ${contract} is not called ${stem}_Given…`);
        continue;
      }
      for (const name of names) {
        const [, kind, rows, conditions, fact] = NAME.exec(name) ?? [];
        if (kind === undefined) faults.push(`${suite}: ${name} is not called test_…_When…_It…`);
        else if (states + conditions === '') faults.push(`${suite}: ${name} holds under no condition`);
        else
          facts.push({
            path: [suite, ...segments(states + conditions + fact).map(words)],
            notes: [...segments(rows), ...KINDS[kind]],
          });
      }
    }
  }
  return { facts, faults };
}

/** @param {{path: string[], notes: string[]}[]} facts @returns {string} a tree for each suite, with a line break at the end of each */
export function drawTrees(facts) {
  const root = new Map();
  for (const { path, notes } of facts) {
    let node = root;
    for (const step of path.slice(0, -1)) {
      if (!node.has(step)) node.set(step, new Map());
      node = node.get(step);
    }
    const fact = path.at(-1) + (notes.length === 0 ? '' : ` (${notes.join(', ')})`);
    node.set(fact, new Map());
  }
  return [...root].map(([suite, node]) => `${[suite, ...branches(node)].join('\n')}\n`).join('\n');
}

function branches(node) {
  const children = [...node];
  return children.flatMap(([text, child], i) => {
    const last = i === children.length - 1;
    return [`${last ? '└── ' : '├── '}${text}`, ...branches(child).map((line) => `${last ? '    ' : '│   '}${line}`)];
  });
}

function segments(name) {
  return name.split('_').slice(1);
}

function words(segment) {
  return segment
    .replace(/[A-Z]|\d+/g, (start) => ` ${start}`)
    .trim()
    .toLowerCase();
}
