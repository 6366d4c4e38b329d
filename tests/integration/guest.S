/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine's firmware that is the whole guest: 64 KiB, up in an instant,
 * idle between the ticks of its timer. The byte `act` says what it does; the tests
 * write it into their copies. It needs no stack but for interrupts, and its
 * memory's word at 0x500 tells a first boot from one that follows.
 */
	.intel_syntax noprefix
	.code16
	.text
	.globl _start
_start:
	.org 0
begin:
	cli
	xor ax, ax
	mov ds, ax
	mov ss, ax
	mov sp, 0x7000
	/* The local APIC, far above a real mode segment's end, is to let the PIC's
	 * interrupts through: fs gets a flat segment and keeps it. */
	lgdt cs:[gdt_pointer]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	mov bx, 8
	mov fs, bx
	and al, 0xfe
	mov cr0, eax
	mov eax, 0xfee000f0
	mov dword ptr fs:[eax], 0x1ff
	mov eax, 0xfee00350
	mov dword ptr fs:[eax], 0x700
	/* The timer's interrupt, 18 a second: vector 8, the first of the PIC. */
	mov word ptr [0x20], offset tick
	mov word ptr [0x22], 0xf000
	mov al, 0x11
	out 0x20, al
	mov al, 0x08
	out 0x21, al
	mov al, 0x04
	out 0x21, al
	mov al, 0x01
	out 0x21, al
	mov al, 0xfe
	out 0x21, al
	mov al, 0x34
	out 0x43, al
	xor al, al
	out 0x40, al
	out 0x40, al
	/* The chipset's power management at 0x600, its power button heard. */
	mov eax, 0x80000b40
	mov dx, 0xcf8
	out dx, eax
	mov eax, 0x601
	mov dx, 0xcfc
	out dx, eax
	mov eax, 0x80000b80
	mov dx, 0xcf8
	out dx, eax
	mov al, 1
	mov dx, 0xcfc
	out dx, al
	mov ax, 0x100
	mov dx, 0x602
	out dx, ax

	mov al, byte ptr cs:[act]
	cmp al, 'd'
	je dirty
	cmp al, 'r'
	je reboot
	cmp al, 'o'
	je off_soon
	cmp al, 'c'
	je panic
	cmp al, 's'
	je sleep
	cmp al, 'b'
	je button

idle: /* i */
	cli
	hlt
	jmp idle

dirty: /* writes to each page from 1 to 15 MiB, over and over: no slow migration catches up */
	mov edi, 0x100000
1:
	mov dword ptr fs:[edi], eax
	add edi, 4096
	cmp edi, 0xf00000
	jb 1b
	inc eax
	jmp dirty

reboot: /* once a second, for ever */
	mov cx, 18
	call wait
reset:
	mov dx, 0xcf9
	mov al, 2
	out dx, al
	mov al, 6
	out dx, al
	jmp idle

off_soon: /* a second of life */
	mov cx, 18
	call wait
off:
	mov dx, 0x604
	mov ax, 0x2000
	out dx, ax
	jmp idle

panic: /* after two seconds of its first boot; idle after that */
	cmp word ptr [0x500], 0x1234
	je idle
	mov word ptr [0x500], 0x1234
	mov cx, 36
	call wait
	mov dx, 0x505
	mov al, 1
	out dx, al
	jmp idle

sleep: /* to memory, after two seconds of its first boot; idle when woken */
	cmp word ptr [0x500], 0x1234
	je idle
	mov word ptr [0x500], 0x1234
	mov cx, 36
	call wait
	mov dx, 0x604
	mov ax, 0x2400
	out dx, ax
	jmp idle

button: /* off when somebody presses it; on again, it listens again */
	mov cx, 1
	call wait
	mov dx, 0x600
	in ax, dx
	test ax, 0x100
	jz button
	out dx, ax
	jmp off

wait: /* cx ticks */
	sti
	hlt
	loop wait
	cli
	ret

tick:
	push ax
	mov al, 0x20
	out 0x20, al
	pop ax
	iret

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf92000000ffff
gdt_pointer:
	.word 15
	.long 0xf0000 + (gdt - _start) /* its copy below 1 MiB: lgdt takes 24 bits here */

	.org 0xffe0
act:
	.byte 'i'
	.org 0xfff0
	.byte 0xe9 /* jmp begin, around the segment's end */
	.word begin - _start + 13
	.org 0xffff
	.byte 0
	.section .note.GNU-stack,"",@progbits
