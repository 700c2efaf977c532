// See context_switch.h. System V ABI. The jump at the end instead of `ret`: the return predictor would
// mispredict every switch, the indirect predictor learns them.
#if defined(__x86_64__)

	.text
	.globl weft_switch_context
	.type weft_switch_context, @function
	.p2align 4
weft_switch_context:
	.cfi_startproc
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq %r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq %r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq %r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq %r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq %r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq %r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq %r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq %rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq %rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq %rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	jmpq *%rcx
	.cfi_endproc
	.size weft_switch_context, . - weft_switch_context

	.globl weft_fiber_start
	.type weft_fiber_start, @function
	.p2align 4
weft_fiber_start:
	.cfi_startproc
	.cfi_undefined %rip
	xorl %ebp, %ebp
	movq %r12, %rdi
	callq weft_fiber_main
	ud2
	.cfi_endproc
	.size weft_fiber_start, . - weft_fiber_start

#endif

// Also when the file is empty for another CPU: without it the linker would make stacks executable.
	.section .note.GNU-stack,"",@progbits

