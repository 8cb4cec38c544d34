// What every operation costs, measured with real transactions on anvil. Keys, salts and times are fixed, so that the
// same code always costs the same.
import { readFileSync } from 'node:fs';
import {
  Contract,
  ContractFactory,
  HDNodeWallet,
  id,
  JsonRpcProvider,
  Network,
  Signature,
  TypedDataEncoder,
  Wallet,
} from 'ethers';
import { startAnvil } from '#platform/local/anvil.js';

const GENESIS_SEC = 1_900_000_000;
const WINDOW_SEC = 3600;
/** The asset that is minted so. */
const WITH_FOUR_PARENTS = 6;
const GOVERNANCE = '0x0000000000000000000000000000000000006077';
const MNEMONIC = 'test test test test test test test test test test test junk';
const DEPOSIT = 10_000_000n;
/** Of a call, and what has to wait on a channel before the settler claims it (its default), in minor units. */
const PRICE = 10_000;
const CLAIM_AMOUNT = 10_000_000;
const CALL = [
  { name: 'callId', type: 'bytes32' },
  { name: 'listing', type: 'bytes32' },
  { name: 'method', type: 'string' },
  { name: 'requestDigest', type: 'bytes32' },
  { name: 'maxAmount', type: 'uint96' },
];
const VOUCHER = [
  { name: 'channelId', type: 'bytes32' },
  { name: 'cumulative', type: 'uint96' },
  { name: 'call', type: 'Call' },
];

/** @returns {Promise<Record<string, number>>} gas by operation; "Each" operations are per entry of a batch */
export async function measureGas() {
  const anvil = await startAnvil({ flags: ['--timestamp', String(GENESIS_SEC)] });
  const network = Network.from(31337);
  const options = { staticNetwork: network, cacheTimeout: -1, batchMaxCount: 1 };
  const provider = new JsonRpcProvider(anvil.url, network, options);
  try {
    return await new Measurement(provider).run();
  } finally {
    provider.destroy();
    await anvil.stop();
  }
}

class Measurement {
  gas = {};
  now = GENESIS_SEC;
  salts = 0;

  constructor(provider) {
    this.provider = provider;
    const account = (n) => HDNodeWallet.fromPhrase(MNEMONIC, undefined, `m/44'/60'/0'/0/${n}`).connect(provider);
    [this.deployer, this.owner, this.payer, this.operator, this.stranger, this.buyer] = [0, 1, 2, 3, 4, 5].map(account);
    this.signer = new Wallet(id('weft gas signer'));
  }

  async run() {
    this.token = await this.deploy('TestToken', 'deployTestToken');
    this.assets = await this.deploy('Assets', 'deployAssets');
    this.escrow = await this.deploy(
      'Escrow',
      'deployEscrow',
      this.token.target,
      this.assets.target,
      WINDOW_SEC,
      GOVERNANCE,
    );
    this.gas.deploy = this.gas.deployAssets + this.gas.deployEscrow;
    this.revenue = new Contract(await this.escrow.revenue(), artifact('Revenue').abi, this.provider);
    this.domain = {
      name: 'Weft Escrow',
      version: '1',
      chainId: 31337,
      verifyingContract: this.escrow.target,
    };
    await this.measureAssets();
    await this.measurePayer();
    await this.measureProvider();
    await this.measureEnds();
    await this.measureTransfer();
    await this.measureCalls();
    return Object.fromEntries(Object.entries(this.gas).sort(([a], [b]) => a.localeCompare(b)));
  }

  async measureAssets() {
    const { assets, owner, operator } = this;
    const listing = id('listing');
    await this.measure('mintFirst', owner, assets.mint, operator.address, [], listing);
    await this.measure('mint', owner, assets.mint, operator.address, [], listing);
    for (let i = 0; i < 3; i++) await this.send(owner, assets.mint, operator.address, [], listing);
    const parents = [1, 2, 3, 4].map((asset) => ({ asset, bps: 250 }));
    await this.measure('mintWithFourParents', owner, assets.mint, operator.address, parents, listing);
    await this.measure('publish', owner, assets.publish, 1, id('second listing'), 2);
    await this.measure('setOperator', owner, assets.setOperator, 2, this.stranger.address);
    while ((await assets.count()) < 60n) await this.send(owner, assets.mint, operator.address, [], listing);
  }

  async measurePayer() {
    const { escrow, payer, token } = this;
    await this.send(payer, token.mint, payer.address, 1_000_000_000_000n);
    await this.send(payer, token.approve, escrow.target, 1_000_000_000_000n);
    await this.send(this.stranger, token.mint, this.stranger.address, DEPOSIT);
    await this.send(this.stranger, token.approve, escrow.target, DEPOSIT * 10n);
    await this.send(this.stranger, escrow.deposit, DEPOSIT / 2n);
    await this.measure('depositFirst', payer, escrow.deposit, 10_000_000_000n);
    await this.measure('deposit', payer, escrow.deposit, 10_000_000_000n);
    const deadline = this.now + 10_000;
    const permit = await this.permit(payer, 20_000_000_000n, deadline);
    await this.measure('depositWithPermit', payer, escrow.depositWithPermit, 20_000_000_000n, deadline, ...permit);
    await this.send(payer, token.approve, escrow.target, 1_000_000_000_000n);
    await this.measure('withdraw', payer, escrow.withdraw, 1_000_000n, payer.address);
    await this.measure('openFirst', payer, escrow.open, [this.entry(1)]);
    const one = this.entry(1);
    await this.measure('openOne', payer, escrow.open, [one]);
    await this.measureEach(
      'openBatch10Each',
      10,
      payer,
      escrow.open,
      this.entries(10, () => 1),
    );
    await this.measureEach(
      'openBatch10OnTenAssetsEach',
      10,
      payer,
      escrow.open,
      this.entries(10, (i) => i + 3),
    );
    await this.measure('topUp', payer, escrow.topUpTo, this.terms(one), DEPOSIT * 2n);
    await this.measure('extend', payer, escrow.extend, this.terms(one), one.expiresAtSec + 1000);
  }

  async measureProvider() {
    const oneAsset = await this.opened(this.entries(50, () => 60));
    const ten = oneAsset.slice(0, 10);
    await this.measureClaims('claimFirst', [oneAsset[49]], 1);
    await this.measureClaims('claimFirstOfChannel', [oneAsset[48]], 1);
    await this.measureClaims('claimWarm', [oneAsset[49]], 2);
    await this.measureClaims('claimFirstBatch10Each', ten, 1);
    await this.measureClaims('claimWarmBatch10Each', ten, 2);
    await this.measureClaims('claimFirstBatch38Each', oneAsset.slice(10, 48), 1);
    await this.measureClaims('claimWarmBatch50OneAssetEach', oneAsset, 3);
    const fifty = await this.opened(this.entries(50, (i) => i + 10));
    await this.measureClaims('claimFirstBatch50FiftyAssetsEach', fifty, 1);
    await this.measureClaims('claimWarmBatch50FiftyAssetsEach', fifty, 2);
    const { revenue, stranger, owner } = this;
    await this.measure('releaseFirst', stranger, revenue.release, 60, 1);
    await this.measureClaims(undefined, [oneAsset[0]], 4);
    await this.measure('release', stranger, revenue.release, 60, 1);
    const child = await this.opened([this.entry(WITH_FOUR_PARENTS)]);
    await this.measureClaims(undefined, child, 1);
    await this.measure('releaseFourParentsFirst', stranger, revenue.release, WITH_FOUR_PARENTS, 1);
    await this.measureClaims(undefined, child, 2);
    await this.measure('releaseFourParents', stranger, revenue.release, WITH_FOUR_PARENTS, 1);
    await this.measure('revenueWithdraw', owner, revenue.withdraw, 1_000n, owner.address);
  }

  async measureEnds() {
    const { escrow, payer, operator } = this;
    const channels = await this.opened(this.entries(13, () => 60));
    const [first, second, third, ...rest] = channels;
    const close = { channelId: await this.channelId(first), spent: 1_234_567n, deadlineSec: this.now + 5000 };
    const types = { Close: ['bytes32 channelId', 'uint96 spent', 'uint40 deadlineSec'].map(field) };
    const { r, yParityAndS } = Signature.from(await operator.signTypedData(this.domain, types, close));
    await this.measure('close', payer, escrow.close, this.terms(first), close.spent, close.deadlineSec, r, yParityAndS);
    await this.measure('giveUp', operator, escrow.giveUp, this.terms(second));
    this.now = first.expiresAtSec + WINDOW_SEC;
    await this.measure('reclaim', this.stranger, escrow.reclaim, [this.terms(third)]);
    const terms = rest.map((entry) => this.terms(entry));
    await this.measureEach('reclaimBatch10Each', 10, this.stranger, escrow.reclaim, terms);
  }

  async measureTransfer() {
    const { assets, owner, buyer } = this;
    await this.measure('transferFirst', owner, assets.transferFrom, owner.address, buyer.address, 1);
    await this.measure('transfer', owner, assets.transferFrom, owner.address, buyer.address, 3);
  }

  /**
   * What a call costs a payer and his provider on chain, of 1, 100 and 10,000 that he makes: opening his channel, and the
   * claims that the settler sends alone, one for the last of what was earned and one each time that CLAIM_AMOUNT waits.
   */
  async measureCalls() {
    const { escrow, operator, payer } = this;
    for (const calls of [1, 100, 10_000]) {
      const all = calls * PRICE;
      const entry = { ...this.entry(59), amount: BigInt(all), expiresAtSec: this.now + 30 * 24 * 3600 };
      let gas = (await this.send(payer, escrow.open, [entry])).gasUsed;
      for (let claimed = 0; claimed < all; ) {
        claimed = Math.min(all, claimed + CLAIM_AMOUNT);
        const claim = { terms: this.terms(entry), amount: claimed, ...(await this.voucher(entry, BigInt(claimed))) };
        gas = BigInt(gas) + BigInt((await this.send(operator, escrow.claim, [claim])).gasUsed);
      }
      this.gas[`paidCallOf${calls}`] = Math.round(Number(gas) / calls);
    }
  }

  entry(asset) {
    const salt = BigInt(id(`salt ${this.salts++}`)) >> 192n;
    const expiresAtSec = GENESIS_SEC + 30 * 24 * 3600;
    return { signer: this.signer.address, asset, tenure: 1, salt, amount: DEPOSIT, expiresAtSec };
  }

  entries(count, assetOf) {
    return Array.from({ length: count }, (_, i) => this.entry(assetOf(i)));
  }

  async opened(entries) {
    await this.send(this.payer, this.escrow.open, entries);
    return entries;
  }

  terms({ signer, asset, tenure, salt }) {
    return { payer: this.payer.address, signer, asset, tenure, salt };
  }

  channelId(entry) {
    return this.escrow.channelIdOf(this.terms(entry));
  }

  /** Claims 1,234,567 more of every channel than the round before, under a voucher for a little more. */
  async measureClaims(name, entries, round) {
    const amount = 1_234_567n * BigInt(round);
    const cumulative = amount + 65_433n;
    const claims = [];
    for (const entry of entries)
      claims.push({ terms: this.terms(entry), amount, ...(await this.voucher(entry, cumulative)) });
    await this.measureEach(name, claims.length, this.operator, this.escrow.claim, claims);
  }

  async voucher(entry, cumulative) {
    const types = { Voucher: VOUCHER, Call: CALL };
    const call = {
      callId: id(`call ${entry.salt} ${cumulative}`),
      listing: id('listing'),
      method: '/models.ocr.v1.OcrService/Recognize',
      requestDigest: id(`request ${entry.salt}`),
      maxAmount: cumulative,
    };
    const channelId = await this.channelId(entry);
    const signature = Signature.from(
      await this.signer.signTypedData(this.domain, types, { channelId, cumulative, call }),
    );
    const commitment = TypedDataEncoder.hashStruct('Call', { Call: CALL }, call);
    return { cumulative, commitment, r: signature.r, vs: signature.yParityAndS };
  }

  async permit(owner, value, deadline) {
    const types = {
      Permit: ['address owner', 'address spender', 'uint256 value', 'uint256 nonce', 'uint256 deadline'].map(field),
    };
    const domain = { name: 'Weft Test Token', version: '1', chainId: 31337, verifyingContract: this.token.target };
    const message = { owner: owner.address, spender: this.escrow.target, value, nonce: 0, deadline };
    const { v, r, s } = Signature.from(await owner.signTypedData(domain, types, message));
    return [v, r, s];
  }

  async deploy(name, operation, ...args) {
    const { abi, bytecode } = artifact(name);
    const { data } = await new ContractFactory(abi, bytecode).getDeployTransaction(...args);
    const { gasUsed, contractAddress } = await this.mined({ from: this.deployer.address, data });
    this.gas[operation] = Number(gasUsed);
    return new Contract(contractAddress, abi, this.provider);
  }

  measure(name, from, method, ...args) {
    return this.measureEach(name, 1, from, method, ...args);
  }

  async measureEach(name, count, from, method, ...args) {
    const { gasUsed } = await this.send(from, method, ...args);
    if (name) this.gas[name] = Math.round(Number(gasUsed) / count);
  }

  /** One block per transaction, ten seconds apart. */
  async send(from, method, ...args) {
    this.now += 10;
    await this.provider.send('evm_setNextBlockTimestamp', [this.now]);
    const { to, data } = await method.populateTransaction(...args);
    return this.mined({ from: from.address, to, data });
  }

  /** anvil signs for its own accounts and mines at once. */
  async mined(transaction) {
    const hash = await this.provider.send('eth_sendTransaction', [{ gas: '0x1c9c380', ...transaction }]);
    let receipt = null; // the block follows the answer by a moment
    while (receipt === null) receipt = await this.provider.send('eth_getTransactionReceipt', [hash]);
    if (receipt.status !== '0x1') throw new Error(`${hash} was reverted`);
    const skipped = receipt.logs.filter((log) => log.topics[0] === SKIPPED);
    if (skipped.length > 0) throw new Error(`${skipped.length} entries were skipped`);
    return receipt;
  }
}

const SKIPPED = id('Skipped(bytes32,uint8)');

const field = (text) => {
  const [type, name] = text.split(' ');
  return { type, name };
};

const artifact = (name) => JSON.parse(readFileSync(new URL(`../artifacts/${name}.json`, import.meta.url), 'utf8'));
