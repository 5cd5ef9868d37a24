// docs/h3.md: its commands are commands, its links lead to files, and every figure has a command that makes it.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../arguments/parse-arguments.ts';
import { command as remember } from '../commands/remember.ts';
import { command as synthetic } from '../commands/synthetic.ts';
import { chooseTasks } from './choose-tasks.ts';

const page = new URL('../../../../docs/h3.md', import.meta.url);
let content = '';
beforeAll(async () => {
  content = await readFile(page, 'utf8');
});

describe('docs/h3.md', () => {
  it('has commands that can be run', () => {
    const lines = [...content.matchAll(/^npx hippo (\w+) (.*)$/gm)];
    expect(lines.length).toBeGreaterThan(5);
    for (const [line, name, rest = ''] of lines) {
      const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
      if (name === 'remember') {
        expect(parseArguments(remember, words, {}).kind, line).toBe('run');
        continue;
      }
      const parsed = parseArguments(synthetic, words, {});
      if (parsed.kind !== 'run') throw new Error(`test: ${line} is no run`);
      expect(chooseTasks(parsed.values).length, line).toBeGreaterThan(0);
    }
  });

  it('links to files of the repository', () => {
    const links = [...content.matchAll(/\]\((\.\.\/[^)#]+)\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(15);
    for (const link of links) expect(existsSync(fileURLToPath(new URL(link, page))), link).toBe(true);
  });

  it('says where each figure is from', () => {
    const figures = [...content.matchAll(/!\[[^\]]+\]\(synthetic\/([\w-]+\.svg)\)/g)].map(([, name = '']) => name);
    expect(figures).toHaveLength(8);
    const table = content.slice(content.indexOf('| figure | from |'));
    for (const figure of figures) expect(table).toContain(figure);
  });
});
