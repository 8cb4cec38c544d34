import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** `/openapi.json`, made from the routes and their schemas, and `/docs`, a page to read and try it. */
export function describeApi(app: NestExpressApplication): OpenAPIObject {
  const description = new DocumentBuilder()
    .setTitle('Weft gateway')
    .setDescription(
      'Find services, learn what they cost, run pipelines of them. Amounts are decimal strings of minor units; bytes in inputs and outputs are base64. Errors look the same everywhere: {"error": {"code", "reason", "message", "details"}}.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A gateway key' })
    .addSecurityRequirements('bearer')
    .build();
  const document = SwaggerModule.createDocument(app, description, {
    operationIdFactory: (_controller, method) => method,
  });
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: '/openapi.json', yamlDocumentUrl: '/openapi.yaml' });
  return document;
}
