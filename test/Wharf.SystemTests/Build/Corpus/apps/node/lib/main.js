console.log(require('words')(['to', 'be', 'to']));
