/**
 * What pays calls (`c`), with the asset's tenure that earns: a channel, a licence, or the job's step of that very call,
 * once it was paid: until then nobody knows whether it will be.
 */
export const PAID_ACCOUNTS = `
  (select id, asset, tenure, null::bytea as call_id from provider.channel
   union all select id, asset, tenure, null from provider.licence
   union all select id, asset, tenure, call_id from provider.job where state = 'PAID') as h
  on h.id = c.channel and (h.call_id is null or h.call_id = c.call_id)`;
