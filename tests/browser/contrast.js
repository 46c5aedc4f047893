(element) => {
  // Colours may be written as oklch() or light-dark(): a canvas turns each into plain red, green, blue and alpha.
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const layers = [];
  for (let node = element; node; node = node.parentElement ?? node.getRootNode().host) {
    layers.unshift(rgba(getComputedStyle(node).backgroundColor));
  }
  const behind = layers.reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  const text = over(rgba(getComputedStyle(element).color), behind);
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [light, dark] = [luminance(text), luminance(behind)].sort((one, other) => other - one);
  return (light + 0.05) / (dark + 0.05);
}
