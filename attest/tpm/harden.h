/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_HARDEN_H
#define TPM_HARDEN_H
/* Once, at the start of tallyd-tpm. */
void harden(void);
#endif
