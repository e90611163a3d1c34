import { Command } from 'commander';
import { catalogDraftCommand } from './catalog-draft.ts';

export function catalogCommand(): Command {
  return new Command('catalog')
    .description('describe tools: what each does, where it leads, whose words it brings back')
    .addHelpText('after', '\nExample:\n  npx assent catalog draft tools.json')
    .addCommand(catalogDraftCommand());
}
