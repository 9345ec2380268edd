// The contrast of a text to what is behind it, as WCAG counts it: 1 to 21.
text => {
    if (!text.isConnected) return 0; // it was drawn anew meanwhile
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    let behind = text;
    while (behind.parentElement && numbers(getComputedStyle(behind).backgroundColor)[3] === 0) {
        behind = behind.parentElement;
    }
    const light = colour => numbers(colour).slice(0, 3)
        .map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, k) => sum + value * [0.2126, 0.7152, 0.0722][k], 0);
    const two = [getComputedStyle(text).color, getComputedStyle(behind).backgroundColor].map(light);
    return (Math.max(...two) + 0.05) / (Math.min(...two) + 0.05);
}
