// Exits with 0 where this node can build the page: as package.json says, 20.19 and later, but not 21 and not before 22.12.
const [major, minor] = process.versions.node.split(".").map(Number);
process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1);
