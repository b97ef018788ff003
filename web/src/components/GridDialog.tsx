export function GridDialog() {
  return null;
}
