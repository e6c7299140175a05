const fs = require('fs'), path = require('path');
const { version } = require('./package.json');
const parts = fs.readdirSync('lib').sort().map(name => `modules[${JSON.stringify(path.basename(name, '.js'))}] = (module, require) => {\n${fs.readFileSync(path.join('lib', name), 'utf8')}};\n`);
fs.writeFileSync('bundle.js', `// ${version}\nconst modules = {};\n${parts.join('')}const load = name => { const module = { exports: {} }; modules[name](module, load); return module.exports; };\nload('main');\n`);
