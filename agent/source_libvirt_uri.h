/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SOURCE_LIBVIRT_URI_H
#define AGENT_SOURCE_LIBVIRT_URI_H
/* What a connection URI says about this machine. */

/* The folder where the manager behind `uri` keeps NAME.pid of its QEMU processes,
 * for free(); NULL where they are not processes of this machine. */
char *libvirt_pid_folder(const char *uri);

#endif
