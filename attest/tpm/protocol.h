/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_PROTOCOL_H
#define TPM_PROTOCOL_H
/*
 * Between a client and tallyd-tpm: a Unix socket pair of type SOCK_SEQPACKET,
 * so that a message is a message; the helper's end is its descriptor 3. The
 * client asks, the helper answers, one at a time. Numbers are big endian.
 *
 *	request   u8 operation || content
 *	answer    u8 status (0, else an enum tally_code) || content
 *
 *	operation   content               content of the answer with status 0
 *	INFO        -                     u32 resetCount || u32 restartCount ||
 *	                                  u16 length || TPMT_PUBLIC of the EK ||
 *	                                  u16 length || TPMT_PUBLIC of the AK ||
 *	                                  u16 length || TPMS_NV_PUBLIC of the counter
 *	                                  (length 0: there is none)
 *	PCR_READ    u8 PCR                32 bytes
 *	PCR_EXTEND  u8 PCR || 32 bytes    -
 *	QUOTE       u8 n || n times u8    an evidence blob (FORMAT.md section 6)
 *	            PCR || 32 bytes q
 *	SHUTDOWN    -                     -, and the helper exits
 *	ENDORSEMENT u8 template (enum     nothing where it has no certificate, else
 *	            tally_ek_template)    u16 length || TPMT_PUBLIC || certificate
 *	ISSUER      u8 n                  the n-th issuer's certificate, or nothing
 *	ACTIVATE    u8 template, + 128    what was sealed for the AK
 *	            for the next AK ||
 *	            u16 length || ID object || encrypted secret
 *	COUNTER     -                     u64, what the NV counter holds
 *	INCREMENT   -                     -
 *	CERTIFY     32 bytes q            an attestation with its signature (FORMAT.md
 *	                                  section 6): TPM2_NV_Certify of the counter
 *	TIME        32 bytes q            the same: TPM2_GetTime
 *	NEXT_KEY    -                     TPMT_PUBLIC of the AK that waits to take the
 *	                                  present one's place; made where none does
 *
 * With another status the content is a text for a human. A helper that could
 * not start answers its first request so, and exits. The end of the stream is
 * as good as SHUTDOWN; a message that is none of the above ends it.
 */

enum {
	TPM_OP_INFO = 1,
	TPM_OP_PCR_READ,
	TPM_OP_PCR_EXTEND,
	TPM_OP_QUOTE,
	TPM_OP_SHUTDOWN,
	TPM_OP_ENDORSEMENT,
	TPM_OP_ISSUER,
	TPM_OP_ACTIVATE,
	TPM_OP_COUNTER,
	TPM_OP_INCREMENT,
	TPM_OP_CERTIFY,
	TPM_OP_TIME,
	TPM_OP_NEXT_KEY
};

#define TPM_ACTIVATE_NEXT 0x80

#define TPM_HELPER_FD     3
#define TPM_MESSAGE_MAX   12288

#endif
