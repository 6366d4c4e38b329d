#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The year's report over an estate, beside PostgreSQL 15 and DuckDB on the same events.

	compare.py TALLY [--events N] [--machines N] [--hosts N] [--runs N]

All run on this machine, one after another, RUNS times (PostgreSQL once); the
figures are medians, and times of loading are told but not compared. What the three say is compared
number by number, and a difference fails. A database that is not there is
skipped with the reason. All is made in a folder under TMPDIR and removed; the
private cluster is stopped by its process id.
"""
import argparse
import csv
import datetime
import json
import os
import pwd
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
POSTGRES = '/usr/lib/postgresql/15/bin'
PERIOD = ['--from', '2026-01-01', '--to', '2027-01-01']


class Skipped(Exception):
    pass


def fail(text):
    print('compare.py: ' + text, file=sys.stderr)
    sys.exit(1)


def read_table(path, keys):
    """{key columns: the other columns}"""
    with open(path, newline='', encoding='utf-8') as f:
        rows = list(csv.reader(f))
    return {tuple(r[:keys]): tuple(int(v) for v in r[keys:]) for r in rows[1:]}


# -- ours ------------------------------------------------------------------------------------

def anonymous_kib(pid):
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as f:
            for line in f:
                if line.startswith('RssAnon:'):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def report_command(tally, folder, out):
    ledgers = sorted(os.path.join(folder, 'ledgers', n) for n in os.listdir(os.path.join(folder, 'ledgers')))
    return [tally, 'report', *ledgers, *PERIOD, '--format', 'json', '-o', out]


def measure_memory(tally, folder, out):
    """A run of its own: looking at it takes time, which is nobody's fault."""
    p = subprocess.Popen(report_command(tally, folder, out))
    peak = 0
    while p.poll() is None:
        peak = max(peak, anonymous_kib(p.pid))
        time.sleep(0.002)
    if p.returncode != 0:
        fail(f'tally report: exit {p.returncode}')
    return peak / 1024


def run_tally(tally, folder, out):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    p = subprocess.run(report_command(tally, folder, out), check=False)
    seconds = time.monotonic() - began
    if p.returncode != 0:
        fail(f'tally report: exit {p.returncode}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def instant(text):
    at = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    return int(at.timestamp())


def ours_as_tables(report):
    with open(report, encoding='utf-8') as f:
        r = json.load(f)
    usage = {(u['product'], u['edition'], u['scope'], u['id']):
             (int(u['run_seconds']), int(u['vcpu_seconds']), u['peak'], instant(u['peak_at'])) for u in r['usage']}
    windows = {(p['id'],): p['measured'] for p in r.get('positions', [])
               if p['rule'] == 'windows-server-standard/host' and p['scope'] == 'host'}
    return usage, windows


# -- PostgreSQL ------------------------------------------------------------------------------

class Postgres:
    def __init__(self, scratch):
        self.name = 'PostgreSQL'
        if not os.path.exists(os.path.join(POSTGRES, 'postgres')):
            raise Skipped(f'no {POSTGRES}/postgres (Debian package postgresql-15)')
        self.dir = os.path.join(scratch, 'postgres')
        os.mkdir(self.dir)
        self.user = None
        if os.getuid() == 0:  # it refuses to be root
            try:
                self.user = pwd.getpwnam('postgres').pw_name
            except KeyError as e:
                raise Skipped('this is root, and there is no user postgres') from e
            os.chmod(scratch, 0o711)
            shutil.chown(self.dir, self.user)
        as_user = {'user': self.user, 'extra_groups': []} if self.user else {}
        data = os.path.join(self.dir, 'data')
        subprocess.run([f'{POSTGRES}/initdb', '-D', data, '-A', 'trust', '-U', 'bench', '-E', 'UTF8', '--locale', 'C'],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.dir, **as_user)
        settings = {'listen_addresses': '', 'unix_socket_directories': self.dir, 'shared_buffers': '2GB',
                    'work_mem': '1GB', 'maintenance_work_mem': '512MB', 'max_wal_size': '8GB', 'fsync': 'off',
                    'max_parallel_workers_per_gather': '2', 'temp_buffers': '1GB'}
        log = open(os.path.join(scratch, 'postgres.log'), 'wb')
        self.server = subprocess.Popen([f'{POSTGRES}/postgres', '-D', data] +
                                       [w for k, v in settings.items() for w in ('-c', f'{k}={v}')],
                                       stdout=log, stderr=log, cwd=self.dir, **as_user)
        for _ in range(300):
            if subprocess.run([f'{POSTGRES}/pg_isready', '-q', '-h', self.dir], check=False).returncode == 0:
                return
            if self.server.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        fail('PostgreSQL does not start: see ' + log.name)

    def psql(self, *words, **more):
        return subprocess.run([f'{POSTGRES}/psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', self.dir, '-U', 'bench',
                               '-d', 'postgres', *words], check=True, **more)

    def load(self, folder):
        began = time.monotonic()
        self.psql('-c', 'CREATE UNLOGGED TABLE events (sequence bigint, t bigint, vm int, host int, kind text, vcpus int)',
                  '-c', 'CREATE UNLOGGED TABLE machines (vm int, product text, edition text, tenant text, cost_center text)',
                  '-c', 'CREATE UNLOGGED TABLE hosts (host int, name text, cluster text, region text, cores int)')
        for table in ('events', 'machines', 'hosts'):
            self.psql('-c', rf"\copy {table} from '{folder}/{table}.csv' with (format csv, header, null 'NULL')")
        self.psql('-c', 'VACUUM ANALYZE')
        return time.monotonic() - began

    def ask(self, out):
        with open(f'{HERE}/estate.sql', encoding='utf-8') as f:
            statements = f.read()
        # One session: the tables are temporary, and so is what they hold.
        script = os.path.join(os.path.dirname(self.dir), 'postgres.sql')
        with open(script, 'w', encoding='utf-8') as f:
            f.write(statements)
            f.write('\\echo asked\n')
            for table in ('usage', 'windows'):
                f.write(rf"\copy {table} to '{out}/{table}.csv' with (format csv, header)" + '\n')
        began = time.monotonic()
        p = subprocess.Popen([f'{POSTGRES}/psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', self.dir, '-U', 'bench', '-d',
                              'postgres', '-f', script], stdout=subprocess.PIPE, text=True)
        asked = p.stdout.readline()
        seconds = time.monotonic() - began
        p.stdout.read()
        if p.wait() != 0 or asked != 'asked\n':
            fail('PostgreSQL refuses the statements')
        return seconds

    def stop(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(60)


# -- DuckDB ----------------------------------------------------------------------------------

class Duck:
    def __init__(self, scratch):
        self.name = 'DuckDB'
        self.dir = os.path.join(scratch, 'duck')
        if not shutil.which('node') or not shutil.which('npm'):
            raise Skipped('no node and npm')
        os.mkdir(self.dir)
        with open(os.path.join(self.dir, 'package.json'), 'w', encoding='ascii') as f:
            f.write('{"private": true, "type": "module"}\n')
        got = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--cache', os.path.join(self.dir, 'cache'),
                              '@duckdb/node-api'], cwd=self.dir, capture_output=True, text=True, check=False)
        if got.returncode != 0:
            said = [line for line in got.stderr.splitlines() if line.startswith('npm error') and 'complete log' not in line]
            raise Skipped('npm install @duckdb/node-api: ' + (said or ['failed'])[0])
        shutil.copy(os.path.join(HERE, 'duck.mjs'), self.dir)

    def run(self, folder, out):
        """Its tables live in memory, so it loads in each run; only asking counts."""
        p = subprocess.run(['node', 'duck.mjs', folder, f'{HERE}/estate.sql', out, str(len(os.sched_getaffinity(0)))],
                           cwd=self.dir, capture_output=True, text=True, check=False)
        if p.returncode != 0:
            fail('DuckDB: ' + p.stderr)
        said = json.loads(p.stdout)
        self.name = 'DuckDB ' + said['version']
        return said['load'], said['ask'], said['cpu']


# -- together --------------------------------------------------------------------------------

def compare(name, what, ours, theirs):
    for key in sorted(set(ours) | set(theirs)):
        if ours.get(key) != theirs.get(key):
            fail(f'{name} disagrees: {what} {"/".join(key)}: ours {ours.get(key)}, theirs {theirs.get(key)}')
    print(f'  {name} says the same: {len(ours)} rows of {what}')


def check(name, out, report, folder):
    usage, windows = ours_as_tables(report)
    compare(name, 'usage', usage, read_table(f'{out}/usage.csv', 4))
    if not windows:
        print('  the 90-day peaks of hosts were not compared: this report has no positions')
        return
    with open(os.path.join(folder, 'hosts.csv'), newline='', encoding='utf-8') as f:
        cores = {r['name']: int(r['cores']) for r in csv.DictReader(f)}
    expected = {h: max(16, cores[h[0]]) * ((n[0] + 1) // 2) for h, n in read_table(f'{out}/windows.csv', 1).items()}
    compare(name, '90-day host positions', {h: v for h, v in windows.items() if v}, expected)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('tally')
    parser.add_argument('--events', default='10000000')
    parser.add_argument('--machines', default='20000')
    parser.add_argument('--hosts', default='200')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--only', default='postgres,duck')
    parser.add_argument('--estate', help='made before by: tally bench estate --keep DIR')
    o = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix='tally-compare.', dir=os.environ.get('TMPDIR'))
    bases = []
    try:
        made = o.estate or os.path.join(scratch, 'estate')
        if not o.estate:
            subprocess.run([o.tally, 'bench', 'estate', '--events', o.events, '--machines', o.machines, '--hosts', o.hosts,
                            '--keep', made], check=True)
        folder = os.path.join(made, 'whole')
        report = os.path.join(scratch, 'report.json')
        times = {'ours': []}
        processor = {'ours': []}
        memory = measure_memory(o.tally, folder, report)
        for word, kind in (('postgres', Postgres), ('duck', Duck)):
            try:
                if word in o.only.split(','):
                    bases.append(kind(scratch))
            except Skipped as e:
                print(f'{kind.__name__}: skipped: {e}')
        for base in bases:
            if isinstance(base, Postgres):
                print(f'{base.name}: loading took {base.load(folder):.1f} s')
        for n in range(o.runs):
            seconds, cpu = run_tally(o.tally, folder, report)
            times['ours'].append(seconds)
            processor['ours'].append(cpu)
            for base in bases:
                if isinstance(base, Postgres) and n > 0:
                    continue  # once: it takes minutes
                out = os.path.join(scratch, f'out-{type(base).__name__}-{n}')
                os.mkdir(out)
                if isinstance(base, Postgres):
                    seconds = base.ask(out)
                else:
                    load, seconds, cpu = base.run(folder, out)
                    processor.setdefault(type(base).__name__, []).append(cpu)
                    if n == 0:
                        print(f'{base.name}: loading took {load:.1f} s')
                times.setdefault(type(base).__name__, []).append(seconds)
                if n == 0:
                    check(base.name, out, report, folder)
        ours = statistics.median(times['ours'])
        own = statistics.median(processor['ours'])
        print(f'{"ours":24} {ours:8.2f} s  {own:.2f} s of the processor, {memory:.0f} MiB anonymous')
        for base in bases:
            theirs = statistics.median(times[type(base).__name__])
            print(f'{base.name:24} {theirs:8.2f} s  {theirs / ours:.1f} times ours')
            if type(base).__name__ in processor:
                cpu = statistics.median(processor[type(base).__name__])
                print(f'{"":24} {cpu:8.2f} s of the processor, {cpu / own:.1f} times ours')
    finally:
        for base in bases:
            if isinstance(base, Postgres):
                base.stop()
        shutil.rmtree(scratch, ignore_errors=True)


main()
