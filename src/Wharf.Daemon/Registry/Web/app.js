// The registry's page. Everything is asked of the API with the rights of who is looking, and put into the page as text, never as HTML.
'use strict';

const main = document.getElementById('main');
const userArea = document.getElementById('user');
const manifestTypes = ['application/vnd.oci.image.index.v1+json', 'application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json', 'application/vnd.docker.distribution.manifest.v2+json'].join(', ');
const attestation = 'vnd.docker.reference.type';

const put = (...parts) => main.replaceChildren(...parts.flat().filter(part => part !== null && part !== undefined));

function el(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else node.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

const size = bytes => {
  if (bytes === undefined || bytes === null) return '';
  let unit = 0;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit++; }
  return (unit === 0 ? bytes : bytes.toPrecision(3)) + ' ' + units[unit];
};
const time = text => text ? new Date(text).toLocaleString() : '';
const short = digest => digest ? digest.slice(0, 19) + '…' : '';

class Refused extends Error { constructor(status, message) { super(message); this.status = status; } }

async function call(path, options = {}) {
  const headers = { 'X-Wharf-Page': '1', ...(options.headers || {}) };
  const login = sessionStorage.getItem('login');
  if (login) headers.Authorization = 'Basic ' + login;
  const response = await fetch(path, { ...options, headers, cache: 'no-store' });
  if (response.ok) return response;
  let message = response.status + ' ' + response.statusText;
  try { message = (await response.json()).errors[0].message; } catch { /* the status must do */ }
  throw new Refused(response.status, message);
}
const json = async path => (await call(path)).json();

async function manifestOf(name, reference) {
  const response = await call(`/v2/${name}/manifests/${reference}`, { headers: { Accept: manifestTypes } });
  const text = await response.text();
  return { digest: response.headers.get('Docker-Content-Digest'), type: response.headers.get('Content-Type'), bytes: new TextEncoder().encode(text).length, body: JSON.parse(text) };
}

function copyable(text) {
  return el('div', { class: 'copy' }, el('code', {}, text), el('button', { onclick: async event => {
    await navigator.clipboard.writeText(text);
    event.target.textContent = 'Copied';
    setTimeout(() => { event.target.textContent = 'Copy'; }, 1500);
  } }, 'Copy'));
}

let logins = [];

// Which page is wanted, counted up with each wish: what an earlier one still waits for is not shown over a later one.
let wanted = 0;

// An issuer sent the browser back: the word behind the # is good for its ID token, once.
async function finishLogin(word) {
  history.replaceState(null, '', '#/');
  const answer = await (await call('/login/token', { method: 'POST', body: word })).json();
  sessionStorage.setItem('login', btoa('oidc:' + answer.token));
}

function loginForm(message) {
  wanted++;
  const name = el('input', { name: 'user', autocomplete: 'username', placeholder: 'User', required: '', 'aria-label': 'User' });
  const password = el('input', { name: 'password', type: 'password', autocomplete: 'current-password', placeholder: 'Password', required: '', 'aria-label': 'Password' });
  put(el('h1', {}, 'Log in'), message ? el('p', { class: 'error' }, message) : null, el('form', { onsubmit: async event => {
    event.preventDefault();
    const bytes = new TextEncoder().encode(name.value + ':' + password.value);
    sessionStorage.setItem('login', btoa(String.fromCharCode(...bytes)));
    await show();
  } }, name, password, el('button', {}, 'Log in')), logins.map((label, i) => el('p', {}, el('a', { class: 'issuer', href: '/login/oidc?issuer=' + i }, 'Log in with ' + label))));
}

async function showUser() {
  const who = await json('/api/whoami');
  logins = who.logins || [];
  userArea.replaceChildren();
  if (who.name) userArea.append(el('span', { class: 'muted' }, who.name + ' '), el('button', { onclick: () => { sessionStorage.removeItem('login'); show(); } }, 'Log out'));
  else if (who.loginNeeded) userArea.append(el('button', { onclick: () => loginForm() }, 'Log in'));
}

// A table that grows page by page. `fetchPage(last)` gives the rows, the name to go on after, and whether there is more; `refill` begins anew.
function pagedTable(headings, fetchPage) {
  const body = el('tbody');
  const more = el('button', { class: 'more', onclick: () => load().catch(problem) }, 'More');
  let last = '', turn = 0;
  async function load() {
    const mine = ++turn;
    more.disabled = true;
    const page = await fetchPage(last);
    if (mine !== turn) return;
    body.append(...page.rows);
    last = page.last;
    more.hidden = !page.more;
    more.disabled = false;
  }
  return { nodes: [el('table', {}, el('thead', {}, el('tr', {}, headings)), body), more], body, load, refill: () => { last = ''; turn++; body.replaceChildren(); return load(); } };
}

async function repositoriesPage() {
  let filter = '', waiting = 0;
  const table = pagedTable([el('th', {}, 'Repository'), el('th', { class: 'number' }, 'Tags')], async last => {
    const response = await call(`/api/repositories?filter=${encodeURIComponent(filter)}&last=${encodeURIComponent(last)}`);
    const list = await response.json();
    return {
      rows: list.map(one => el('tr', {}, el('td', {}, el('a', { href: '#/r/' + one.name }, one.name)), el('td', { class: 'number' }, one.tags + (one.more ? '+' : '')))),
      last: list.length ? list[list.length - 1].name : last, more: response.headers.has('Link'),
    };
  });
  await table.load();
  const search = el('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search', oninput: event => {
    filter = event.target.value;
    clearTimeout(waiting);
    waiting = setTimeout(() => table.refill().catch(problem), 200);
  } });
  return [el('h1', {}, 'Repositories'), ...(table.body.children.length ? [search, ...table.nodes]
    : [el('p', { class: 'muted' }, 'Nothing here that you may see. Push the first image:'), copyable(`docker push ${location.host}/NAME:TAG`)])];
}

async function remove(name, reference, what) {
  if (!confirm(`Delete ${what}? This cannot be undone.`)) return;
  await call(`/v2/${name}/manifests/${reference}`, { method: 'DELETE' });
  location.hash = '#/r/' + name;
  await show();
}

async function removeRepository(name) {
  if (!confirm(`Delete the repository ${name} with all its tags? This cannot be undone.`)) return;
  await call('/api/repositories/' + encodeURIComponent(name), { method: 'DELETE' });
  location.hash = '#/';
}

async function repositoryPage(name) {
  let mayDelete = false;
  const table = pagedTable(['Tag', 'Digest', 'Pushed', 'By', 'Last pull', ''].map(text => el('th', {}, text)), async last => {
    const repository = await json('/api/repositories/' + encodeURIComponent(name) + '?last=' + encodeURIComponent(last));
    mayDelete = repository.mayDelete;
    const rows = repository.tags.map(tag => el('tr', {},
      el('td', {}, el('a', { href: `#/t/${name}:${tag.name}` }, tag.name), tag.immutable ? el('span', { class: 'muted' }, ' immutable') : null,
        tag.signers ? el('span', { class: tag.signers.length ? 'muted' : 'error' }, tag.signers.length ? ' signed by ' + tag.signers.join(', ') : ' unsigned') : null),
      el('td', {}, el('code', {}, short(tag.digest))), el('td', {}, time(tag.updated)), el('td', {}, tag.by || ''), el('td', {}, time(tag.pulled)),
      el('td', {}, mayDelete && !tag.immutable ? el('button', { class: 'bad', onclick: () => remove(name, tag.name, `the tag ${tag.name}`).catch(problem) }, 'Delete') : null)));
    return { rows, last: repository.last || last, more: repository.more };
  });
  await table.load();
  return [el('h1', {}, name), copyable(`docker pull ${location.host}/${name}`), ...table.nodes,
    mayDelete ? el('p', {}, el('button', { class: 'bad', onclick: () => removeRepository(name).catch(problem) }, 'Delete this repository')) : null];
}

// History is told oldest first; each entry that is not empty made the next layer.
function layersTable(manifest, config) {
  const history = (config && config.history) || [];
  const layers = [...(manifest.layers || [])];
  const rows = history.map(entry => [entry.created_by || entry.comment || '', time(entry.created), entry.empty_layer ? null : layers.shift()]).concat(layers.map(layer => ['', '', layer]));
  return el('table', {}, el('thead', {}, el('tr', {}, el('th', {}, 'Step'), el('th', {}, 'When'), el('th', {}, 'Layer'), el('th', { class: 'number' }, 'Size'))),
    el('tbody', {}, rows.map(([by, when, layer]) => el('tr', {}, el('td', {}, el('code', {}, by)), el('td', {}, when), el('td', {}, layer ? el('code', { title: layer.digest }, short(layer.digest)) : ''), el('td', { class: 'number' }, layer ? size(layer.size) : '')))));
}

async function configOf(name, manifest) {
  const type = manifest.config && manifest.config.mediaType;
  if (type !== 'application/vnd.oci.image.config.v1+json' && type !== 'application/vnd.docker.container.image.v1+json') return null;
  return json(`/v2/${name}/blobs/${manifest.config.digest}`);
}

function configTable(config) {
  const inner = config.config || {};
  const facts = { Created: time(config.created), Author: config.author, Platform: [config.os, config.architecture, config.variant].filter(Boolean).join('/'), User: inner.User, Entrypoint: (inner.Entrypoint || []).join(' '), Command: (inner.Cmd || []).join(' '), Directory: inner.WorkingDir, Ports: Object.keys(inner.ExposedPorts || {}).join(', ') };
  const rows = Object.entries(facts).filter(([, value]) => value).map(([name, value]) => el('tr', {}, el('th', {}, name), el('td', {}, value)));
  for (const value of inner.Env || []) rows.push(el('tr', {}, el('th', {}, 'Env'), el('td', {}, el('code', {}, value))));
  for (const [name, value] of Object.entries(inner.Labels || {})) rows.push(el('tr', {}, el('th', {}, 'Label'), el('td', {}, el('code', {}, `${name}=${value}`))));
  return el('table', {}, el('tbody', {}, rows));
}

// in-toto statements of BuildKit: who built it, from what.
async function provenance(name, manifest) {
  const parts = [];
  for (const layer of manifest.layers || []) {
    if (layer.mediaType !== 'application/vnd.in-toto+json' || layer.size > 4e6) continue;
    const statement = await json(`/v2/${name}/blobs/${layer.digest}`);
    const predicate = statement.predicate || {};
    const builder = (predicate.runDetails && predicate.runDetails.builder) || predicate.builder || {};
    const materials = ((predicate.buildDefinition && predicate.buildDefinition.resolvedDependencies) || predicate.materials || []).map(material => material.uri).filter(Boolean);
    parts.push(el('div', {}, el('p', {}, el('strong', {}, statement.predicateType || 'statement'), builder.id ? ` built by ${builder.id}` : ''), materials.length ? el('pre', {}, materials.join('\n')) : null));
  }
  return parts;
}

// What is installed in an image and known to be vulnerable: asked for when somebody wants to know, as it reads all layers.
function scanPart(name, digest) {
  const result = el('div', { class: 'scan' });
  result.append(el('button', { onclick: async event => {
    event.target.disabled = true;
    event.target.textContent = 'Scanning…';
    try {
      const report = await json('/api/scan/' + encodeURIComponent(name) + '?reference=' + encodeURIComponent(digest));
      const advisories = report.feed ? `${report.findings.length} known vulnerabilities by advisories of ${time(report.feed)}` : 'the registry has no advisories to hold them against';
      result.replaceChildren(el('p', {}, `${report.packages.length} packages${report.os ? ` of ${report.os} ${report.osVersion} and of languages` : ''}; ${advisories}.`),
        el('table', {}, el('tbody', {}, report.findings.map(one => el('tr', {}, el('td', {}, one.id), el('td', {}, `${one.package} ${one.version}`), el('td', {}, one.fixed ? `fixed in ${one.fixed}` : 'no fix'), el('td', {}, one.severity || ''))))),
        ...(report.skipped || []).map(file => el('p', { class: 'muted' }, `not read: ${file}`)));
    } catch (error) { result.replaceChildren(el('p', { class: 'error' }, error.message)); }
  } }, 'Scan for vulnerabilities'));
  return [el('h2', {}, 'Packages'), result];
}

async function tagPage(name, reference) {
  const { digest, type, bytes, body } = await manifestOf(name, reference);
  const repository = await json('/api/repositories/' + encodeURIComponent(name) + '?tag=' + encodeURIComponent(reference));
  const known = repository.tags.find(tag => tag.name === reference);
  const at = reference.includes(':') ? '@' : ':';
  const parts = [el('h1', {}, name + at + reference), copyable(`docker pull ${location.host}/${name}${at}${reference}`), copyable(`wharf pull ${location.host}/${name}@${digest}`),
    el('table', {}, el('tbody', {}, el('tr', {}, el('th', {}, 'Digest'), el('td', {}, el('code', {}, digest))), el('tr', {}, el('th', {}, 'Type'), el('td', {}, body.artifactType || type)),
      known && known.signers ? el('tr', {}, el('th', {}, 'Signed'), el('td', { class: known.signers.length ? '' : 'error' }, known.signers.length ? 'by ' + known.signers.join(', ') : 'by nobody who counts here')) : null,
      known ? el('tr', {}, el('th', {}, 'Pushed'), el('td', {}, time(known.updated) + (known.by ? ' by ' + known.by : ''))) : null,
      el('tr', {}, el('th', {}, 'Size'), el('td', {}, size(bytes + [...(body.layers || []), ...(body.config ? [body.config] : [])].reduce((sum, part) => sum + part.size, 0))))))];
  if (body.manifests) {
    parts.push(el('h2', {}, 'Platforms'), el('table', {}, el('tbody', {}, body.manifests.map(one => el('tr', {},
      el('td', {}, (one.annotations && one.annotations[attestation]) || (one.platform ? [one.platform.os, one.platform.architecture, one.platform.variant].filter(Boolean).join('/') : one.mediaType)),
      el('td', {}, el('a', { href: `#/t/${name}@${one.digest}` }, el('code', {}, short(one.digest)))), el('td', { class: 'number' }, size(one.size)))))));
    for (const one of body.manifests.filter(entry => entry.annotations && entry.annotations[attestation])) parts.push(...await provenance(name, (await manifestOf(name, one.digest)).body));
  } else {
    const config = await configOf(name, body);
    parts.push(el('h2', {}, config ? 'Layers and how they were made' : 'Content'), layersTable(body, config));
    if (config) parts.push(el('h2', {}, 'Configuration'), configTable(config), ...scanPart(name, digest));
    parts.push(...await provenance(name, body));
  }
  const referrers = (await json(`/v2/${name}/referrers/${digest}`)).manifests;
  if (referrers.length) parts.push(el('h2', {}, 'Refers to this'), el('table', {}, el('tbody', {}, referrers.map(one => el('tr', {}, el('td', {}, one.artifactType || one.mediaType), el('td', {}, el('a', { href: `#/t/${name}@${one.digest}` }, el('code', {}, short(one.digest)))), el('td', { class: 'number' }, size(one.size)))))));
  if (Object.keys(body.annotations || {}).length) parts.push(el('h2', {}, 'Annotations'), el('pre', {}, Object.entries(body.annotations).map(([key, value]) => `${key}: ${value}`).join('\n')));
  if (repository.mayDelete && !(known && known.immutable)) parts.push(el('p', {}, el('button', { class: 'bad', onclick: () => remove(name, digest, `the manifest ${short(digest)} and all its tags`).catch(problem) }, 'Delete this manifest')));
  parts.push(el('details', {}, el('summary', {}, 'Manifest'), el('pre', {}, JSON.stringify(body, null, 2))));
  return parts;
}

function problem(error) {
  if (error instanceof Refused && error.status === 401) {
    const tried = sessionStorage.getItem('login');
    sessionStorage.removeItem('login');
    loginForm(tried ? error.message : '');
  } else put(el('h1', {}, 'That did not work'), el('p', { class: 'error' }, error.message));
}

function page(route) {
  if (route.startsWith('/r/')) return repositoryPage(route.slice(3));
  if (!route.startsWith('/t/')) return repositoriesPage();
  const text = route.slice(3);
  const cut = text.includes('@') ? text.indexOf('@') : text.lastIndexOf(':');
  return tagPage(text.slice(0, cut), text.slice(cut + 1));
}

async function show() {
  const mine = ++wanted;
  const route = decodeURIComponent(location.hash.slice(1)) || '/';
  try {
    if (route.startsWith('/login/')) {
      await finishLogin(route.slice(7));
      return await show();
    }
    await showUser();
    const parts = await page(route);
    if (mine === wanted) put(...parts);
  } catch (error) { if (mine === wanted) problem(error); }
}

addEventListener('hashchange', show);
show();
