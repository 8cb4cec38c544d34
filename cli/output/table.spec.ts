import { rowWriter, table } from './table.js';

describe('table', () => {
  test('columns are as wide as their widest cell, numbers stand right, no line ends in spaces', () => {
    expect(
      table(
        [{ title: 'STEP' }, { title: 'PRICE', align: 'right' }, { title: 'NOTE' }],
        [
          ['ocr', '1200', 'exact'],
          ['language', '5', ''],
        ],
      ),
    ).toBe(['STEP      PRICE  NOTE', 'ocr        1200  exact', 'language      5'].join('\n'));
  });

  test('T62 a cell never leaves its line or drives the terminal', () => {
    expect(table([{ title: 'TITLE' }], [['a\nb\u001b[2J\u202ec']])).toBe('TITLE\na b[2Jc');
  });

  test('long cells are cut', () => {
    expect(table([{ title: 'T', maxWidth: 4 }], [['abcdef']])).toBe('T\nabc…');
  });

  test('wide characters count twice', () => {
    expect(
      table(
        [{ title: 'A' }, { title: 'B' }],
        [
          ['漢字', 'x'],
          ['abcd', 'y'],
        ],
      ),
    ).toBe('A     B\n漢字  x\nabcd  y');
  });
});

test('rows that come one by one stand below the titles', () => {
  const writer = rowWriter([
    { title: 'STEP', width: 8 },
    { title: 'MS', width: 5, align: 'right' },
  ]);
  expect(writer.header).toBe('STEP         MS');
  expect(writer.row(['ocr', '190'])).toBe('ocr         190');
});
