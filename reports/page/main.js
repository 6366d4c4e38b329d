// SPDX-License-Identifier: Apache-2.0
// Puts the page together.

overview();
section('check', 'Self-check', checkSection());
section('coverage', 'Coverage', coverageSection());
section('positions', 'Positions', positionSection());
section('curve', 'At once', curveSection());
section('timeline', 'Timeline', timelineSection());
section('cost', 'Cost', costSection());
section('findings', 'Findings', findingSection());
section('tables', 'Tables', el('h3', {}, 'Positions by scope'), positionTable(), el('h3', {}, 'Usage'), usageTable(), el('h3', {}, 'Machines'), leftOut.vms ? el('p', {}, `There is no room for ${many(leftOut.vms, 'row')} of machines in this page. `, ELSEWHERE) : vmTable(),
  report.charges.length ? [el('h3', {}, 'Charges'), chargeTable()] : null, el('h3', {}, 'Hosts'), el('p', {}, 'By the ledger, and by what the host\u2019s TPM says. The class is what this page can tell of each: keys that you paste make it more than self-declared, and only enrolment, which tally verify reads, more than software.'), coverageTable(),
  el('h3', {}, 'Ledgers'), ledgerTable());
section('made-of', 'Made of', madeOf());
add(find('foot'), [el('p', {}, 'Tallystick. Engineering material, not legal advice. The JSON report is what ', el('span', { class: 'mono' }, 'tally verify'), ' computes again; this page is a view of it.')]);
root.classList.add('drawn');
performance.mark('drawn');
setTimeout(runCheck, 0);
