#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A private libvirtd with real QEMU guests, for the demo and the integration
# tests. To be sourced. It lives in mount, network and host-name namespaces of
# its own, so the machine's libvirt (if it has one) neither sees nor disturbs it;
# its sockets are reached through the scratch folder. Everything is started and
# stopped by its process id.
#
#   lab_up DIR            start a libvirtd; DIR must be short (sockets) and empty
#   lab_virsh ARGS...     virsh on it
#   lab_define NAME UUID [KERNEL-ARGS]   define a guest with a second QMP socket
#   lab_wait_guest NAME SECONDS          until its init has spoken
#   lab_down              destroy the guests, stop everything, unmount nothing (the namespaces go)
# shellcheck disable=SC2034  # LAB_URI_RO is read by whoever sources this

lab_fail() {
	printf 'lab: %s\n' "$*" >&2
	return 1
}

# The guest: the distribution's cloud kernel and a busybox that reports itself,
# ticks, and obeys the ACPI power button.
lab_initrd() {
	local ir=$LAB/ir m ko modules
	LAB_KERNEL=$(find /boot -maxdepth 1 -name 'vmlinuz-*cloud-amd64' | sort -V | tail -n 1)
	[ -n "$LAB_KERNEL" ] || lab_fail 'no cloud kernel in /boot (package linux-image-cloud-amd64)' || return 1
	modules=/lib/modules/${LAB_KERNEL#/boot/vmlinuz-}
	mkdir -p "$ir/bin" "$ir/lib/m"
	cp /bin/busybox "$ir/bin/"
	for m in evdev button; do
		ko=$(find "$modules" -name "$m.ko" -print -quit)
		[ -z "$ko" ] || cp "$ko" "$ir/lib/m/"
	done
	cat >"$ir/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
for f in evdev button; do [ -e /lib/m/$f.ko ] && insmod /lib/m/$f.ko; done
for e in /dev/input/event*; do
	[ -e "$e" ] && (dd if="$e" bs=24 count=1 >/dev/null 2>&1 && poweroff -f) &
done
echo "GUEST-UP $(cat /proc/uptime)" >/dev/console
while :; do sleep 1; done
INIT
	chmod +x "$ir/init"
	(cd "$ir" && find . | cpio -o -H newc 2>/dev/null | gzip -1 >"$LAB/initrd.gz")
}

lab_in() { nsenter -t "$LAB_NS" -m -u -n -r -- "$@"; }
lab_virsh() { lab_in virsh -q "$@"; }

lab_up() {
	LAB=$1
	LAB_NS=
	LAB_LOGD=
	LAB_LIBVIRTD=
	chmod 755 "$LAB"
	mkdir -p "$LAB"/{run,lib,log/qemu,etc,cache}
	lab_initrd || return 1
	mkdir -p /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
	cp -a /etc/libvirt/. "$LAB/etc/"
	rm -rf "$LAB"/etc/qemu/networks/autostart "$LAB"/etc/qemu/autostart
	printf 'auth_unix_ro = "none"\nauth_unix_rw = "none"\nunix_sock_ro_perms = "0777"\n' >"$LAB/etc/libvirtd.conf"
	printf 'cgroup_controllers = [ ]\nuser = "root"\ngroup = "root"\nsecurity_driver = "none"\n' >"$LAB/etc/qemu.conf"
	# The namespaces' keeper: its exec'd sleep is what lab_down kills.
	# shellcheck disable=SC2016  # expanded by the inner shell
	unshare -m -u -n --propagation private bash -c '
		hostname demo-host
		mount --bind "$1/run" /run/libvirt && mount --bind "$1/lib" /var/lib/libvirt &&
		mount --bind "$1/log" /var/log/libvirt && mount --bind "$1/etc" /etc/libvirt &&
		mount --bind "$1/cache" /var/cache/libvirt && ip link set lo up && : >"$1/ready" && exec sleep 1000000' \
		lab "$LAB" </dev/null >/dev/null 2>"$LAB/ns.err" &
	LAB_NS=$!
	local n
	for n in $(seq 600); do
		[ -e "$LAB/ready" ] && break
		sleep 0.1
	done
	[ -e "$LAB/ready" ] || lab_fail "namespaces: $(cat "$LAB/ns.err")" || return 1
	lab_libvirtd
}

lab_libvirtd() {
	# Children of this shell (no function, whose subshell would be the child), not
	# daemons: so they can be waited for.
	local n
	if [ -z "${LAB_LOGD:-}" ]; then
		nsenter -t "$LAB_NS" -m -u -n -r -- virtlogd -p /run/libvirt/virtlogd.pid </dev/null >"$LAB/virtlogd.out" 2>&1 &
		LAB_LOGD=$!
	fi
	nsenter -t "$LAB_NS" -m -u -n -r -- libvirtd -p /run/libvirt/libvirtd.pid </dev/null >"$LAB/libvirtd.out" 2>&1 &
	LAB_LIBVIRTD=$!
	for n in $(seq 600); do
		lab_virsh list >/dev/null 2>&1 && break
		[ "$n" -lt 600 ] || lab_fail 'libvirtd does not answer' || return 1
		sleep 0.1
	done
	LAB_URI_RO="qemu+unix:///system?socket=$LAB/run/libvirt-sock-ro"
}

# $1: the signal, TERM or KILL.
lab_stop_libvirtd() {
	[ -n "${LAB_LIBVIRTD:-}" ] || return 0
	kill "-$1" "$LAB_LIBVIRTD" 2>/dev/null || true
	wait "$LAB_LIBVIRTD" 2>/dev/null || true
	LAB_LIBVIRTD=
}

lab_define() {
	local name=$1 uuid=$2
	cat >"$LAB/$name.xml" <<XML
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
 <name>$name</name><uuid>$uuid</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu>
 <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'><libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo></metadata>
 <os><type arch='x86_64' machine='pc'>hvm</type><kernel>$LAB_KERNEL</kernel><initrd>$LAB/initrd.gz</initrd><cmdline>console=ttyS0 quiet panic=0 ${3:-}</cmdline></os>
 <features><acpi/></features><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
 <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
  <serial type='file'><source path='/var/log/libvirt/qemu/$name-serial.log' append='on'/></serial><memballoon model='none'/></devices>
 <qemu:commandline><qemu:arg value='-qmp'/><qemu:arg value='unix:$LAB/$name.qmp,server=on,wait=off'/></qemu:commandline>
</domain>
XML
	lab_virsh define "$LAB/$name.xml" >/dev/null
}

lab_wait_guest() {
	local n
	for n in $(seq $(($2 * 5))); do
		grep -q GUEST-UP "$LAB/log/qemu/$1-serial.log" 2>/dev/null && return 0
		sleep 0.2
	done
	lab_fail "guest $1 did not come up in $2 s"
}

lab_wait_off() {
	local n
	for n in $(seq $(($2 * 5))); do
		[ "$(lab_virsh domstate "$1" 2>/dev/null)" = 'shut off' ] && return 0
		sleep 0.2
	done
	lab_fail "guest $1 did not shut down in $2 s"
}

lab_down() {
	local pid
	[ -n "${LAB_NS:-}" ] || return 0
	for pid in "$LAB"/run/qemu/*.pid; do
		[ -e "$pid" ] && kill -KILL "$(cat "$pid")" 2>/dev/null
	done
	lab_stop_libvirtd TERM
	if [ -n "${LAB_LOGD:-}" ]; then
		kill "$LAB_LOGD" 2>/dev/null
		wait "$LAB_LOGD" 2>/dev/null
		LAB_LOGD=
	fi
	kill "$LAB_NS" 2>/dev/null
	wait "$LAB_NS" 2>/dev/null
	LAB_NS=
}
