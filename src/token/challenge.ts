import { isOwnCode, REASONS, type Reason } from '../model/reason.ts';
import type { StepUp } from './config.ts';
import { PROOF_ALGORITHMS } from './proof.ts';

/**
 * How to come back with a better token, in the form of WWW-Authenticate (RFC 6750 §3, RFC 9449 §7.1,
 * RFC 9470 §3): scheme, error, our own words, and what a step-up should reach. Empty for refusals that no
 * other token would cure. Nothing of the refused token is repeated.
 */
export function challengeFor({ code, details }: Reason, stepUp: StepUp | undefined): string {
  if (!isOwnCode(code) || !code.startsWith('token.')) return '';
  const { words, remedy } = REASONS[code];
  const ofProof = code === 'token.proof' || code === 'token.replayed';
  // No proof makes up for a certificate that was not shown: such a token travels as a bearer token (RFC 8705 §3).
  const byProof = ofProof || (code === 'token.binding' && details?.['bound_to'] !== 'certificate');
  const parts = [
    `error="${ofProof ? 'invalid_dpop_proof' : 'invalid_token'}"`,
    `error_description="${words}"`,
  ];
  if (byProof) parts.push(`algs="${PROOF_ALGORITHMS.join(' ')}"`);
  if (remedy === 'step_up' && stepUp !== undefined) {
    if (stepUp.acrValues.length > 0) parts.push(`acr_values="${stepUp.acrValues.join(' ')}"`);
    if (stepUp.maxAgeSeconds !== undefined) parts.push(`max_age="${stepUp.maxAgeSeconds}"`);
  }
  return `${byProof ? 'DPoP' : 'Bearer'} ${parts.join(', ')}`;
}
