import { isOwnCode, REASONS, type ReasonCode } from '../model/reason.ts';
import type { StepUp } from './config.ts';
import { PROOF_ALGORITHMS } from './proof.ts';

/**
 * How to come back with a better token, in the form of WWW-Authenticate (RFC 6750 §3, RFC 9449 §7.1,
 * RFC 9470 §3): scheme, error, our own words, and what a step-up should reach. Empty for refusals that no
 * other token would cure. Nothing of the refused token is repeated.
 */
export function challengeFor(code: ReasonCode, stepUp: StepUp | undefined): string {
  if (!isOwnCode(code) || !code.startsWith('token.')) return '';
  const { words, remedy } = REASONS[code];
  const ofProof = code === 'token.proof' || code === 'token.replayed';
  const parts = [
    `error="${ofProof ? 'invalid_dpop_proof' : 'invalid_token'}"`,
    `error_description="${words}"`,
  ];
  if (ofProof || code === 'token.binding') parts.push(`algs="${PROOF_ALGORITHMS.join(' ')}"`);
  if (remedy === 'step_up' && stepUp !== undefined) {
    if (stepUp.acrValues.length > 0) parts.push(`acr_values="${stepUp.acrValues.join(' ')}"`);
    if (stepUp.maxAgeSeconds !== undefined) parts.push(`max_age="${stepUp.maxAgeSeconds}"`);
  }
  return `${ofProof || code === 'token.binding' ? 'DPoP' : 'Bearer'} ${parts.join(', ')}`;
}
