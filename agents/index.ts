/** What a program imports to let an agent use services: `import { weftTools } from 'weft/agents'`. */
export { AgentFiles } from './agent-files.js';
export type { BudgetLimits } from './budget.js';
export type { CallArtifact } from './call-service.js';
export { type AgentConnectOptions, connectAgent } from './connect-agent.js';
export { serviceTools, type WeftToolOptions, weftTools } from './weft-tools.js';
