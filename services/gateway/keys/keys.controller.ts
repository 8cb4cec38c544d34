import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { KeyStore, keyName, scopes } from './key-store.js';
import { Needs } from './scope-guard.js';

const newKey = z.strictObject({ name: keyName, scopes: z.array(z.enum(scopes)).min(1).max(scopes.length) });
const keyView = z.object({
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  createdAtSec: z.number().int(),
  revoked: z.boolean(),
});

@ApiTags('keys')
@Needs('admin')
@Controller('v1/keys')
export class KeysController {
  constructor(private readonly keys: KeyStore) {}

  @Get()
  @ApiOperation({ summary: 'All keys, without their secrets' })
  @ApiOkResponse({ standardSchema: z.object({ keys: z.array(keyView) }) })
  list() {
    return { keys: this.keys.list() };
  }

  @Post()
  @HttpCode(201)
  @ApiOperation({ summary: 'Make a key; its secret is shown this once' })
  create(@Body({ schema: newKey }) body: z.infer<typeof newKey>) {
    return { name: body.name, key: this.keys.create(body.name, body.scopes) };
  }

  @Delete(':name')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a key; its name is not given again' })
  revoke(@Param('name', { schema: keyName }) name: string) {
    this.keys.revoke(name);
  }
}
