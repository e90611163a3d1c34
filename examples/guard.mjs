// Guards a tool call. Beside a development server (`npm start`): node examples/guard.mjs
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createClient } from 'assent/client';

const read = (file) => readFileSync(`.assent/dev/${file}`, 'utf8').trim();
const assent = createClient({ address: read('address'), key: read('pep.key') });
const token = execFileSync('npx', ['assent', 'token'], { encoding: 'utf8' }).trim(); // the agent's own
const session = await assent.openSession({
  taskType: 'invoice_run',
  purpose: 'pay 1200.00 to acme for INV-17, account DE02120300000000202051',
  actions: ['payment.send'],
  limits: { payments: '5000' },
  expiresAt: Date.now() + 3_600_000,
});

const pay = ({ vendor, amount }, key) => ({ paid: `${amount} to ${vendor}`, key }); // the tool
for (const bill of ['INV-17 1200.00', 'INV-17 1200.00', 'INV-18 3700.00']) {
  const [invoice, amount] = bill.split(' ');
  const args = { vendor: 'acme', account: 'DE02120300000000202051', amount, invoice };
  const ask = { action: 'payment.send', arguments: args, token, session: session.id };
  const call = await assent.guard(ask, (permit) => pay(permit.arguments, permit.executionKey));
  const { effect, reasons } = call.permission;
  console.log(invoice, effect, call.permitted ? call.output : reasons.map(({ code }) => code));
}
assent.close();
