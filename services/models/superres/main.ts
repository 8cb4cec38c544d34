import { runModels } from '../run-models.js';

await runModels(['superres']);
