module.exports = words => JSON.stringify(words.reduce((all, word) => ({ ...all, [word]: (all[word] ?? 0) + 1 }), {}));
