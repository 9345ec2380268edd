// What of a studio is too small for a finger, of all that can be touched and is seen.
studio => [...studio.querySelectorAll("button, select, input[type=text], input[type=number], .widget-checkbox label, .noUi-touch-area")]
    .filter(part => part.getClientRects().length > 0)
    .map(part => [part, part.getBoundingClientRect()])
    .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
    .map(([part, box]) => `${part.tagName} ${part.className} ${part.textContent}: ${box.width} x ${box.height}`)
