import { StandardSchemaValidationPipe } from '@nestjs/common';
import { WeftError } from '#core/errors.js';

/** Checks every parameter that names a schema; the first complaint is told with the path of its field. */
export const validationPipe = (): StandardSchemaValidationPipe =>
  new StandardSchemaValidationPipe({
    exceptionFactory: ([issue]) => {
      const path = issue?.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') ?? '';
      const message = issue?.message ?? 'does not fit';
      return new WeftError('INVALID_INPUT', path === '' ? message : `${path}: ${message}`, { field: path });
    },
  });
