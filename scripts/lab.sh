#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One or two libvirt hosts on this machine with real QEMU guests, for the demo and
# the integration tests. To be sourced. Root; several labs at a time do not meet.
#
# A host is a set of namespaces (mount, PID, network, host name) with a libvirtd of
# its own; the machine's libvirt, if it has one, neither sees nor disturbs it. Two
# hosts are joined by a veth pair that never shows outside them, and migrate over it.
# A host's first process only reaps: when it dies, the kernel ends all in the host,
# and it dies with the script, however that ends. Mounts and links go with it.
#
# What meters a host runs in it (lab_spawn): pid files, /proc and the host name are
# then the host's own, and it cannot take another lab's QEMU for its own. Ledgers and
# programs are the machine's files, under the same paths on both sides. A host's
# /run/libvirt is LAB/HOST/run outside.
#
#   lab_up DIR [HOST [HOST]]         DIR must be short (sockets) and empty; default: one host "host-a"
#   lab_in HOST CMD...               in the host, as root; the working folder is /
#   lab_spawn HOST CMD...            in the host, in the background: LAB_PID is its process id
#                                    as seen outside (for kill), LAB_JOB what to wait for
#   lab_virsh HOST ARGS...           virsh on the host
#   lab_define HOST NAME UUID [KERNEL-ARGS [ON_CRASH [MORE-METADATA]]]
#   lab_wait_guest HOST NAME SECONDS [TIMES]   until its init has spoken (TIMES: boots)
#   lab_wait_off HOST NAME SECONDS   until it is shut off
#   lab_tell HOST NAME WORD          the guest does it: poweroff, reboot, crash, halt, or says GUEST-HEARD
#   lab_migrate FROM TO NAME [VIRSH-MIGRATE-ARGS...]
#   lab_stop_libvirtd HOST SIGNAL    TERM, KILL...; its guests go on
#   lab_libvirtd HOST                starts it (again)
#   lab_uri_ro HOST                  for tallyd in the host
#   lab_qemu_pid HOST NAME           the guest's process id as seen outside
#   lab_qmp HOST [NAME]              the socket where QEMU tells its own events (truth.py), or their folder
#   lab_address HOST                 its IP address
#   lab_down                         ends everything; the caller removes DIR
#
# KERNEL-ARGS for the guest's init: act=poweroff|reboot|crash|halt and delay=SECONDS (3).
# It obeys the ACPI power button (virsh shutdown, virsh reboot).

# shellcheck disable=SC2034  # LAB_PID is read by whoever sources this
lab_fail() {
	printf 'lab: %s\n' "$*" >&2
	return 1
}

# The guest: the distribution's cloud kernel and a busybox.
lab_initrd() {
	local ir=$LAB/ir m ko modules
	LAB_KERNEL=$(find /boot -maxdepth 1 -name 'vmlinuz-*cloud-amd64' | sort -V | tail -n 1)
	[ -n "$LAB_KERNEL" ] || lab_fail 'no cloud kernel in /boot (package linux-image-cloud-amd64)' || return 1
	modules=/lib/modules/${LAB_KERNEL#/boot/vmlinuz-}
	mkdir -p "$ir"/{bin,dev,proc,sys,lib/m}
	cp /bin/busybox "$ir/bin/"
	for m in pvpanic pvpanic-mmio evdev button; do
		ko=$(find "$modules" -name "$m.ko" -print -quit)
		[ -z "$ko" ] || cp "$ko" "$ir/lib/m/"
	done
	cat >"$ir/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for f in pvpanic pvpanic-mmio evdev button; do [ -e /lib/m/$f.ko ] && $b insmod /lib/m/$f.ko; done
obey() {
	case $1 in
	poweroff | reboot | halt) $b "$1" -f ;;
	crash) echo c >/proc/sysrq-trigger ;;
	esac
}
for e in /dev/input/event*; do
	[ -e "$e" ] && ($b dd if="$e" bs=24 count=1 >/dev/null 2>&1 && obey poweroff) &
done
act= delay=3
read -r words </proc/cmdline
for w in $words; do
	case $w in act=*) act=${w#act=} ;; delay=*) delay=${w#delay=} ;; esac
done
read -r up rest </proc/uptime
echo "GUEST-UP $up $words" >/dev/console
[ -z "$act" ] || ($b sleep "$delay"; obey "$act") &
while read -r word; do
	echo "GUEST-HEARD $word"
	obey "$word"
done </dev/console >/dev/console
while :; do $b sleep 60; done
INIT
	chmod +x "$ir/init"
	(cd "$ir" && find . | cpio -o -H newc 2>/dev/null >"$LAB/initrd")
}

lab_in() {
	local host=$1
	shift
	nsenter -t "${LAB_INIT[$host]}" -m -u -n -p -r -- "$@"
}

lab_spawn() {
	local host=$1 n
	shift
	nsenter -t "${LAB_INIT[$host]}" -m -u -n -p -r -- "$@" </dev/null &
	LAB_JOB=$!
	# nsenter forks to enter the PID namespace and passes no signal on.
	for ((n = 0; n < 500; n++)); do
		LAB_PID=$(pgrep -P "$LAB_JOB") && return 0
		kill -0 "$LAB_JOB" 2>/dev/null || break
		sleep 0.02
	done
	LAB_PID=$LAB_JOB # it has ended already: to wait for it tells how
}

lab_virsh() {
	local host=$1
	shift
	# On a terminal virsh would set it up, which stops a process in the background.
	if [ -t 0 ]; then
		lab_in "$host" virsh -q "$@" </dev/null
	else
		lab_in "$host" virsh -q "$@"
	fi
}

lab_address() {
	local i
	for i in "${!LAB_HOSTS[@]}"; do
		[ "${LAB_HOSTS[i]}" != "$1" ] || printf '10.77.0.%d\n' $((i + 1))
	done
}

# Given to a shell in the new namespaces, which becomes the host's first process.
# shellcheck disable=SC2016  # expanded there
LAB_KEEPER='
	host=$1 d=$2
	hostname "$host"
	mount --bind "$d/run" /run/libvirt && mount --bind "$d/lib" /var/lib/libvirt &&
	mount --bind "$d/log" /var/log/libvirt && mount --bind "$d/etc" /etc/libvirt &&
	mount --bind "$d/cache" /var/cache/libvirt && mount --bind "$d/hosts" /etc/hosts &&
	ip link set lo up || exit 1
	# virsh would start it on a terminal, to complain that there is no system bus here.
	[ ! -e /usr/bin/pkttyagent ] || mount --bind /dev/null /usr/bin/pkttyagent || exit 1
	: >"$d/ready"
	while :; do sleep 1000000 & wait $!; done'

lab_host() { # HOST NUMBER
	local host=$1 d=$LAB/$1 n
	mkdir -p "$d"/{run/qmp,run/tty,lib,log/qemu,etc,cache}
	cp -a /etc/libvirt/. "$d/etc/"
	rm -rf "$d"/etc/qemu/networks/autostart "$d"/etc/qemu/autostart "$d"/etc/hooks
	printf '%s\n' 'auth_unix_ro = "none"' 'auth_unix_rw = "none"' 'unix_sock_ro_perms = "0777"' \
		'listen_tls = 0' 'listen_tcp = 1' 'auth_tcp = "none"' 'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"' \
		"host_uuid = \"aaaaaaaa-0000-4000-8000-00000000000$2\"" >"$d/etc/libvirtd.conf"
	printf '%s\n' 'cgroup_controllers = [ ]' 'user = "root"' 'group = "root"' 'security_driver = "none"' \
		'namespaces = [ ]' 'stdio_handler = "file"' \
		"migration_address = \"10.77.0.$2\"" "migration_host = \"10.77.0.$2\"" >"$d/etc/qemu.conf"
	printf '127.0.0.1 localhost\n' >"$d/hosts"
	for n in "${!LAB_HOSTS[@]}"; do printf '10.77.0.%d %s\n' $((n + 1)) "${LAB_HOSTS[n]}"; done >>"$d/hosts"
	setpriv --pdeathsig KILL unshare -m -u -n -p --propagation private --fork --kill-child --mount-proc \
		bash -c "$LAB_KEEPER" lab-host "$host" "$d" </dev/null >"$d/keeper.out" 2>&1 &
	LAB_JOBS[$host]=$!
	for ((n = 0; n < 3000; n++)); do
		[ ! -e "$d/ready" ] || break
		kill -0 "${LAB_JOBS[$host]}" 2>/dev/null || break
		sleep 0.02
	done
	[ -e "$d/ready" ] || lab_fail "namespaces for $host: $(cat "$d/keeper.out")" || return 1
	LAB_INIT[$host]=$(pgrep -P "${LAB_JOBS[$host]}")
}

lab_up() {
	local host n
	LAB=$1
	shift
	LAB_HOSTS=("${@:-host-a}")
	declare -gA LAB_INIT=() LAB_JOBS=()
	[ "${#LAB_HOSTS[@]}" -le 2 ] || lab_fail 'two hosts at most' || return 1
	chmod 755 "$LAB"
	lab_initrd || return 1
	mkdir -p /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
	for n in "${!LAB_HOSTS[@]}"; do
		lab_host "${LAB_HOSTS[n]}" $((n + 1)) || return 1
	done
	if [ "${#LAB_HOSTS[@]}" = 2 ]; then
		# Made in the one, its other end born in the other.
		nsenter -t "${LAB_INIT[${LAB_HOSTS[0]}]}" -n -- \
			ip link add lan type veth peer name lan netns "${LAB_INIT[${LAB_HOSTS[1]}]}" || return 1
		for n in 0 1; do
			nsenter -t "${LAB_INIT[${LAB_HOSTS[n]}]}" -n -- ip addr add "10.77.0.$((n + 1))/24" dev lan &&
				nsenter -t "${LAB_INIT[${LAB_HOSTS[n]}]}" -n -- ip link set lan up || return 1
		done
	fi
	for host in "${LAB_HOSTS[@]}"; do
		lab_start_libvirtd "$host" || return 1
	done
	for host in "${LAB_HOSTS[@]}"; do
		lab_wait_libvirtd "$host" || return 1
	done
}

lab_start_libvirtd() {
	lab_in "$1" libvirtd -d --listen -p /run/libvirt/libvirtd.pid </dev/null >"$LAB/$1/libvirtd.out" 2>&1 ||
		lab_fail "libvirtd on $1: $(cat "$LAB/$1/libvirtd.out" "$LAB/$1/log/libvirtd.log")"
}

lab_wait_libvirtd() {
	local n
	for ((n = 0; n < 600; n++)); do
		! lab_virsh "$1" list >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	lab_fail "libvirtd on $1 does not answer: $(cat "$LAB/$1/log/libvirtd.log")"
}

lab_libvirtd() { lab_start_libvirtd "$1" && lab_wait_libvirtd "$1"; }

lab_stop_libvirtd() {
	local pid n
	pid=$(cat "$LAB/$1/run/libvirtd.pid" 2>/dev/null) || return 0 # a number of the host's
	lab_in "$1" bash -c "kill -$2 $pid" 2>/dev/null || return 0
	for ((n = 0; n < 1500; n++)); do
		lab_in "$1" bash -c "kill -0 $pid" 2>/dev/null || return 0
		sleep 0.02
	done
	lab_fail "libvirtd on $1 does not end"
}

lab_uri_ro() { printf 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro\n'; }

lab_qmp() { printf '%s\n' "$LAB/$1/run/qmp${2:+/$2}"; }

lab_qemu_pid() { pgrep -P "${LAB_INIT[$1]}" -f "guest=$2,"; }

lab_define() {
	local host=$1 name=$2 uuid=$3
	cat >"$LAB/$host/$name.xml" <<XML
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
 <name>$name</name><uuid>$uuid</uuid><memory unit='MiB'>96</memory><vcpu>1</vcpu>
 <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'><libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo>${6:-}</metadata>
 <os><type arch='x86_64' machine='pc'>hvm</type><kernel>$LAB_KERNEL</kernel><initrd>$LAB/initrd</initrd><cmdline>console=ttyS0 quiet panic=0 nokaslr mitigations=off no_timer_check cryptomgr.notests tsc=reliable lpj=1000000 8250.nr_uarts=1 ${4:-}</cmdline></os>
 <features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>${5:-destroy}</on_crash>
 <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
  <serial type='unix'><source mode='bind' path='/run/libvirt/tty/$name'/><log file='/var/log/libvirt/qemu/$name-serial.log' append='on'/></serial>
  <panic model='isa'/><controller type='usb' model='none'/><memballoon model='none'/></devices>
 <qemu:commandline><qemu:arg value='-qmp'/><qemu:arg value='unix:/run/libvirt/qmp/$name,server=on,wait=off'/></qemu:commandline>
</domain>
XML
	lab_virsh "$host" define "$LAB/$host/$name.xml" >/dev/null
}

lab_wait_guest() {
	local n log=$LAB/$1/log/qemu/$2-serial.log times=${4:-1} seen
	for ((n = 0; n < $3 * 10; n++)); do
		seen=$(grep -c GUEST-UP "$log" 2>/dev/null) || true
		[ "${seen:-0}" -lt "$times" ] || return 0
		sleep 0.1
	done
	lab_fail "guest $2 on $1 did not come up in $3 s: $(tail -n 5 "$log" 2>&1)"
}

lab_wait_off() {
	local n
	for ((n = 0; n < $3 * 10; n++)); do
		[ "$(lab_virsh "$1" domstate "$2" 2>/dev/null)" != 'shut off' ] || return 0
		sleep 0.1
	done
	lab_fail "guest $2 on $1 did not shut down in $3 s"
}

lab_tell() {
	python3 - "$LAB/$1/run/tty/$2" "$3" <<'TELL'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
heard = b""
while b"GUEST-HEARD " + sys.argv[2].encode() not in heard:
    more = s.recv(4096)
    if not more:
        sys.exit("lab: the guest's console has closed")
    heard += more
TELL
}

lab_migrate() {
	local from=$1 to=$2 name=$3
	shift 3
	lab_virsh "$from" migrate --live "$@" "$name" "qemu+tcp://$to/system" "tcp://$(lab_address "$to")"
}

lab_down() {
	local host
	[ -n "${LAB:-}" ] || return 0
	for host in "${!LAB_JOBS[@]}"; do
		# Its first process is waited for, and that ends when all others have.
		kill -KILL "${LAB_INIT[$host]:-${LAB_JOBS[$host]}}" 2>/dev/null || true
		wait "${LAB_JOBS[$host]}" 2>/dev/null || true
	done
	LAB_INIT=() LAB_JOBS=()
	return 0
}
