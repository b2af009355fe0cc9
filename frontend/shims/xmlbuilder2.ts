// @kitware/vtk.js' XML reader and writer is the only importer, and no VTK XML is ever read here. The real package
// pulls in node's `events`: the page would die at start with "Class extends value undefined".
const refuse = (): never => {
  throw new Error("xmlbuilder2 is left out of this bundle");
};
export const create = refuse;
export const fragment = refuse;
export const convert = refuse;
export default { create, fragment, convert };
