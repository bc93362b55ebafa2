/**
 * This is the main script of the library.
 *
 * After installing the library in your `node_modules` directory,
 * you can import the class and other elements like this:
 *
 * ```ts
 * import { <symbol> } from 'libxml2-wasm';
 * ```
 * @module libxml2-wasm
 */
export * as diag from './diag.js';
export * as disposable from './disposable.js';
export { XmlXPath, XmlXPathError } from './xpath.js';
export { XmlAttribute, XmlCData, XmlComment, XmlElement, XmlEntityReference, XmlNode, XmlSimpleNode, XmlText, XmlTreeNode, } from './nodes.js';
export { ParseOption, XmlDocument, XmlParseError } from './document.js';
export { xmlCleanupInputProvider, XmlError, XmlLibError, xmlRegisterInputProvider, } from './libxml2.js';
export { XmlDtd } from './dtd.js';
export { DtdValidator, RelaxNGValidator, XmlValidateError, XsdValidator, } from './validates.js';
export { closeBuffer, openBuffer, readBuffer, XmlBufferInputProvider, XmlStringOutputBufferHandler, } from './utils.js';
export { XmlC14NMode, } from './c14n.js';
