import { serviceCalled } from './listing-name.js';

const services = [
  'models.superres.v1.SuperResolutionService',
  'models.ocr.v1.OcrService',
  'acme.v1.OcrService',
  'acme.text.v2beta1.Reader',
];
test.each([
  ['superres', services[0]],
  ['SuperResolution', services[0]],
  ['super-resolution', services[0]],
  ['superresolutionservice', services[0]],
  ['reader', services[3]],
  ['text', services[3]],
])('"%s" is %s', (name, service) => {
  expect(serviceCalled(name, services)).toBe(service);
});

test('a name that several have is refused with all of them', () => {
  expect(() => serviceCalled('OcrService', services)).toThrow(
    '"OcrService" may be models.ocr.v1.OcrService or acme.v1.OcrService',
  );
});

test.each(['models', 'v1', 'service', 'constructor', ''])('"%s" is nobody’s name', (name) => {
  expect(() => serviceCalled(name, services)).toThrow('no service is called');
});
