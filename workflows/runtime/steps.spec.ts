import { expect, test } from '@jest/globals';
import { Steps } from './steps.js';

const METHOD = 'models.entities.v1.EntitiesService/Extract';

const run = (steps: Steps, amounts: readonly string[]) => {
  for (const amount of amounts) steps.begin('words.extract', METHOD).paid(amount);
};

test('steps are shown in the order in which they began, and what they paid', () => {
  const steps = new Steps(0);
  run(steps, ['7', '5']);
  steps.begin('other', METHOD);
  expect(steps.progress).toMatchObject({
    paid: '12',
    steps: [{ n: 0 }, { n: 1 }, { step: 'other', status: 'running' }],
  });
  expect(steps.progress).not.toHaveProperty('earlier');
  expect(steps.progress.steps[0]).not.toHaveProperty('segment');
});

test('of very many the oldest that have ended are counted, and still paid', () => {
  const steps = new Steps(0, undefined, 3);
  const slow = steps.begin('slow', METHOD);
  run(steps, ['1', '2', '4', '8']);
  expect(steps.progress).toMatchObject({
    paid: '15',
    earlier: { steps: 2, paid: '3' },
    steps: [{ step: 'slow' }, { n: 2 }, { n: 3 }],
  });
  slow.paid('16');
  expect(steps.all).toEqual({ steps: 5, paid: '31' });
});

test('none that runs is left out', () => {
  const steps = new Steps(0, undefined, 1);
  for (let i = 0; i < 3; i++) steps.begin('words.extract', METHOD);
  expect(steps.progress.steps).toHaveLength(3);
});

test('a run that goes on as new has what was before', () => {
  const steps = new Steps(2, { steps: 9, paid: '90' });
  run(steps, ['10']);
  expect(steps.progress).toMatchObject({
    paid: '100',
    earlier: { steps: 9, paid: '90' },
    steps: [{ n: 0, segment: 2 }],
  });
});
