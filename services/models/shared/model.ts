/** What every model service has, whatever it computes; the token under which Nest finds it. */
export abstract class Model {
  /** Resolves when the model can answer at once. May be called again. */
  abstract load(): Promise<void>;
}
