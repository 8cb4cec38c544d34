/** Closes a Jest run with the plain line that every runner here ends with. */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const broken = results.numRuntimeErrorTestSuites;
    console.log(`\njest: ${results.numPassedTests} passed, ${results.numFailedTests + broken} failed`);
  }
}
