import { describe, expect, it } from '@jest/globals';
import { HealthCheckResponse_ServingStatus as Serving } from '#protos/grpc/health/v1/health.js';
import { LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import { type RunningModel, startModels } from './start-models.js';

/** Asked in this process: over a socket the answer would come too late to be the first. */
const healthOf = ({ app, service }: RunningModel) =>
  new Promise((resolve) => {
    const request = { service: service.definition.fullName };
    app.health.handlers.Check({ request } as never, (_, answer) => resolve(answer?.status));
  });

describe('startModels', () => {
  it('serves at once, NOT_SERVING until the model is loaded', async () => {
    const { running, close } = await startModels({ names: ['language'] });
    const model = running[0]!;
    expect(await healthOf(model)).toBe(Serving.NOT_SERVING);
    await model.loaded;
    expect(await healthOf(model)).toBe(Serving.SERVING);
    await close();
  });

  it('lets something stand in front of each service', async () => {
    const seen: string[] = [];
    const { close } = await startModels({
      names: ['language'],
      mount: (app, service) => {
        expect(app.definitions).toEqual([LanguageServiceDefinition]);
        seen.push(service.name);
        return app;
      },
    });
    expect(seen).toEqual(['language']);
    await close();
  });

  it('leaves nothing running when one of them cannot start', async () => {
    const { running, close } = await startModels({ names: ['language'] });
    const port = running[0]!.app.port;
    await expect(startModels({ names: ['entities', 'language'], ports: { language: port } })).rejects.toThrow(
      'EADDRINUSE',
    );
    await close();
  });
});
