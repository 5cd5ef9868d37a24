// What stops a benchmark. A wrong result is an error; a peer that this machine does not have is not: it is skipped by name.
import { HippoError } from 'hippo';

/** A contestant gave a wrong result, or the command line asked for what there is not. */
export class BenchError extends HippoError {
  override name = 'BenchError';
}

/** Thrown by `Contestant.prepare` where the machine or the installation lacks what it needs; the message is the reason. */
export class Unavailable extends Error {}
