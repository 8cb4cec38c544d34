import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { WeftError } from '#core/errors.js';
import { callerOf, may } from './authenticate.js';
import type { Scope } from './key-store.js';

const SCOPE = 'weft:scope';

/** Every route names the scope that it needs. */
export const Needs = (scope: Scope) => SetMetadata(SCOPE, scope);

@Injectable()
export class ScopeGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    // A route that names none is for nobody: forgetting it must not open it.
    const scope = this.reflector.getAllAndOverride<Scope>(SCOPE, [context.getHandler(), context.getClass()]) ?? 'admin';
    const key = callerOf(context.switchToHttp().getRequest<object>());
    if (!may(key, scope))
      throw new WeftError('PERMISSION_DENIED', `this needs a key with the scope "${scope}"`, { scope });
    return true;
  }
}
