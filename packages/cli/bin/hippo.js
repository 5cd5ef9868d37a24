#!/usr/bin/env node
// The executable: checks what it stands on, in words that old versions of Node can parse, then hands over to src/main.ts.

const needed = [20, 20];
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** Says what is missing and what to do, and fails. */
function giveUp(sentence) {
  process.stderr.write(`hippo: ${sentence}\n`);
  process.exitCode = 1;
}

async function main() {
  if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
    giveUp(`needs Node ${needed.join('.')} or newer; got ${process.versions.node}. Install a newer Node.`);
    return;
  }
  let start;
  try {
    ({ start } = await import('../dist/main.js'));
  } catch (error) {
    const unbuilt = error.code === 'ERR_MODULE_NOT_FOUND' && /[\\/]dist[\\/]/.test(error.message);
    if (!unbuilt) throw error;
    giveUp('the compiled files are missing (dist). Run `npm run build` in the repository first.');
    return;
  }
  await start();
}

main();
