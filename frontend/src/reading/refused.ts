/** A change that the rules of reading do not allow; `message` says why, for the person. */
export class OperationRefused extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.name = "OperationRefused";
    this.code = code;
  }
}
