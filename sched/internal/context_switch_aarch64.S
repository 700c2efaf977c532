// See context_switch.h. AAPCS64.
#if defined(__aarch64__)

	.text
	.globl weft_switch_context
	.type weft_switch_context, %function
	.p2align 4
weft_switch_context:
	.cfi_startproc
	sub sp, sp, #160
	.cfi_adjust_cfa_offset 160
	stp d8, d9, [sp, #0]
	stp d10, d11, [sp, #16]
	stp d12, d13, [sp, #32]
	stp d14, d15, [sp, #48]
	stp x19, x20, [sp, #64]
	stp x21, x22, [sp, #80]
	stp x23, x24, [sp, #96]
	stp x25, x26, [sp, #112]
	stp x27, x28, [sp, #128]
	stp x29, x30, [sp, #144]
	mov x9, sp
	str x9, [x0]
	mov sp, x1
	ldp d8, d9, [sp, #0]
	ldp d10, d11, [sp, #16]
	ldp d12, d13, [sp, #32]
	ldp d14, d15, [sp, #48]
	ldp x19, x20, [sp, #64]
	ldp x21, x22, [sp, #80]
	ldp x23, x24, [sp, #96]
	ldp x25, x26, [sp, #112]
	ldp x27, x28, [sp, #128]
	ldp x29, x30, [sp, #144]
	add sp, sp, #160
	.cfi_adjust_cfa_offset -160
	br x30
	.cfi_endproc
	.size weft_switch_context, . - weft_switch_context

	.globl weft_fiber_start
	.type weft_fiber_start, %function
	.p2align 4
weft_fiber_start:
	.cfi_startproc
	.cfi_undefined x30
	mov x29, xzr
	mov x0, x19
	bl weft_fiber_main
	brk #1
	.cfi_endproc
	.size weft_fiber_start, . - weft_fiber_start

#endif

// Also when the file is empty for another CPU: without it the linker would make stacks executable.
	.section .note.GNU-stack,"",%progbits

