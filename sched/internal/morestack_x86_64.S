// __morestack and its kin: where a prologue compiled with -fsplit-stack goes when the stack pointer,
// less the frame, is below the guard word. See stack_segment.h and DESIGN.md, "Segmented stacks".
//
// On entry: %r10 is the size of the frame, %r11 that of the arguments on the stack; at (%rsp) is the
// address of a `ret` in the function, and behind that `ret` its body begins; at 8(%rsp) is where the
// function returns to. All registers that can hold arguments are live, %rax included.
//
// To unwinders the function that called is not there yet: this frame's caller is the function's
// caller. The body is called from here, so in its place they find this frame, once.
#if defined(__x86_64__)

#define GUARD_WORD %fs:0x70
#define LOCALS_STACK 24
#define STACK_GUARD 0
#define STACK_SEGMENT 8
#define SEGMENT_PREV 0
#define SEGMENT_NEXT 8
#define SEGMENT_LOW 16
#define SEGMENT_BLOCKS 24
#define GUARD_DISTANCE 36864
// `leaq 24(%rbp), %r11`, with which the body of a variadic function begins: it expects to find its
// arguments by a frame of libgcc's __morestack. Ours keeps the address in the function elsewhere, so
// that walks by frame pointers find the right callers, and does the instruction for the body.
#define FIND_ARGUMENTS 0x185d8d4c

	.text

// What the slow paths save: %xmm, %ymm or %zmm 0 to 7, whichever the CPU has; 512 bytes at (%rsp).
	.macro SAVE_VECTORS
	cmpb $1, weft_vector_level(%rip)
	jb 71f
	je 72f
	.irp i, 0, 1, 2, 3, 4, 5, 6, 7
	vmovups %zmm\i, 64*\i(%rsp)
	.endr
	jmp 73f
72:
	.irp i, 0, 1, 2, 3, 4, 5, 6, 7
	vmovups %ymm\i, 64*\i(%rsp)
	.endr
	jmp 73f
71:
	.irp i, 0, 1, 2, 3, 4, 5, 6, 7
	movups %xmm\i, 64*\i(%rsp)
	.endr
73:
	.endm

	.macro RESTORE_VECTORS
	cmpb $1, weft_vector_level(%rip)
	jb 71f
	je 72f
	.irp i, 0, 1, 2, 3, 4, 5, 6, 7
	vmovups 64*\i(%rsp), %zmm\i
	.endr
	jmp 73f
72:
	.irp i, 0, 1, 2, 3, 4, 5, 6, 7
	vmovups 64*\i(%rsp), %ymm\i
	.endr
	jmp 73f
71:
	.irp i, 0, 1, 2, 3, 4, 5, 6, 7
	movups 64*\i(%rsp), %xmm\i
	.endr
73:
	.endm

	.globl __morestack
	.type __morestack, @function
	.p2align 4
__morestack:
	.cfi_startproc
	.cfi_personality 0x1b, weft_morestack_personality
	.cfi_def_cfa %rsp, 16
	// In place of the address in the function, so that it looks as if the function had pushed it.
	pushq %rax
	.cfi_def_cfa_offset 24
	movq 8(%rsp), %rax
	movq %rbp, 8(%rsp)
	.cfi_offset %rbp, -16
	leaq 8(%rsp), %rbp
	.cfi_def_cfa %rbp, 16
	pushq %rax		// -16(%rbp)
	pushq %rdx
	pushq %rcx
.Lbegin:
	movq weft_thread_locals@gottpoff(%rip), %rax
	movq %fs:LOCALS_STACK(%rax), %rax
	testq %rax, %rax
	je .Lin_place
	// On another stack than the fiber's own, such as that of a signal handler, nothing grows.
	movq STACK_SEGMENT(%rax), %rdx
	cmpq %rdx, %rbp
	jae .Lin_place
	cmpq SEGMENT_LOW(%rdx), %rbp
	jb .Lin_place
	movq STACK_GUARD(%rax), %rcx
	cmpq %rcx, GUARD_WORD
	jne .Lslow		// poisoned
	movq SEGMENT_NEXT(%rdx), %rdx
	testq %rdx, %rdx
	je .Lslow
	leaq -(GUARD_DISTANCE + 256)(%rdx), %rcx
	subq %r11, %rcx
	subq %r10, %rcx
	cmpq SEGMENT_LOW(%rdx), %rcx
	jb .Lslow		// too small

	// From the first of these stores until the stack pointer follows, a signal handler is outside of
	// the segment in use, and stays where it is.
	movq %rdx, STACK_SEGMENT(%rax)
	movq SEGMENT_LOW(%rdx), %rcx
	addq $GUARD_DISTANCE, %rcx
	movq %rcx, STACK_GUARD(%rax)
	movq %rcx, GUARD_WORD
	testq %r11, %r11
	jne .Lcopy_arguments
.Lenter:
	movq %rdx, %r11
	movq -16(%rbp), %r10
	cmpl $FIND_ARGUMENTS, 1(%r10)
	je .Lvariadic
	incq %r10
.Lcall:
	popq %rcx
	popq %rdx
	movq -8(%rbp), %rax
	movq %r11, %rsp
	leaq 16(%rbp), %r11
	callq *%r10
	.globl weft_morestack_returned
	.hidden weft_morestack_returned
weft_morestack_returned:
	// %rax, %rdx and the vector registers hold results. Perhaps on another thread.
	movq %rbp, %rsp
	movq weft_thread_locals@gottpoff(%rip), %r10
	movq %fs:LOCALS_STACK(%r10), %r10
	movq STACK_SEGMENT(%r10), %r11
	movq SEGMENT_NEXT(%r11), %rcx
	orq SEGMENT_BLOCKS(%r11), %rcx
	jne .Ltrim
.Lleave:
	movq SEGMENT_PREV(%r11), %rcx
	movq STACK_GUARD(%r10), %rsi
	movq SEGMENT_LOW(%rcx), %rdi
	addq $GUARD_DISTANCE, %rdi
	movq %rcx, STACK_SEGMENT(%r10)
	movq %rdi, STACK_GUARD(%r10)
	cmpq %rsi, GUARD_WORD
	jne 1f			// poisoned: for the next prologue to find
	movq %rdi, GUARD_WORD
1:
	movq -16(%rbp), %rcx
	popq %rbp
	.cfi_remember_state
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	pushq %rcx
	.cfi_def_cfa_offset 16
	ret			// to the function's own `ret`: every return has its call
	.cfi_restore_state

.Lvariadic:
	addq $5, %r10
	jmp .Lcall

.Lcopy_arguments:
	// To where they are as well aligned as they were, up to 64 bytes.
	leaq 16(%rbp), %rcx
	subq %r11, %rdx
	subq %rcx, %rdx
	andq $-64, %rdx
	addq %rcx, %rdx
1:
	movq 8(%rbp, %r11), %rcx
	movq %rcx, -8(%rdx, %r11)
	subq $8, %r11
	ja 1b
	jmp .Lenter

.Lin_place:
	movq -16(%rbp), %r10
	leaq 16(%rbp), %r11
	popq %rcx
	popq %rdx
	addq $8, %rsp
	popq %rax
	popq %rbp
	.cfi_remember_state
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	cmpl $FIND_ARGUMENTS, 1(%r10)
	je 1f
	incq %r10
	pushq %r10
	.cfi_def_cfa_offset 16
	ret			// and not a jump, so that the prediction of later returns stays in step
	.cfi_def_cfa_offset 8
1:
	addq $5, %r10
	pushq %r10
	.cfi_def_cfa_offset 16
	ret
	.cfi_restore_state

.Lslow:
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	subq $512, %rsp
	SAVE_VECTORS
	movq %r10, %rdi
	movq %r11, %rsi
	leaq 8(%rbp), %rdx
	callq weft_morestack_slow
	RESTORE_VECTORS
	addq $512, %rsp
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	testl %eax, %eax
	jne .Lbegin
	jmp .Lin_place

.Ltrim:
	subq $32, %rsp		// what the frame keeps stays
	pushq %rax
	pushq %rdx
	subq $512, %rsp
	SAVE_VECTORS
	pushq %r11
	pushq %r11
	movq %r11, %rdi
	callq weft_morestack_trim
	popq %r11
	popq %r11
	RESTORE_VECTORS
	addq $512, %rsp
	popq %rdx
	popq %rax
	addq $32, %rsp
	movq weft_thread_locals@gottpoff(%rip), %r10
	movq %fs:LOCALS_STACK(%r10), %r10
	jmp .Lleave

	// An exception passes: %rax is what weft_morestack_personality() put there. Leaves the segment as a
	// return does.
	.globl weft_morestack_landing_pad
	.hidden weft_morestack_landing_pad
weft_morestack_landing_pad:
	leaq -32(%rbp), %rsp
	movq %rax, (%rsp)
	callq weft_morestack_leave
	movq (%rsp), %rdi
	callq _Unwind_Resume@PLT
	ud2
	.cfi_endproc
	.size __morestack, . - __morestack

// What gold and lld have functions call that call code which was not compiled with -fsplit-stack. They
// make the prologue's comparison fail always. Our guard leaves room for such code, so all there is
// to do is the comparison.
	.globl __morestack_non_split
	.type __morestack_non_split, @function
	.p2align 4
__morestack_non_split:
	.cfi_startproc
	.cfi_def_cfa %rsp, 16
	subq %rsp, %r10
	negq %r10
	cmpq GUARD_WORD, %r10
	jb 2f
	movq (%rsp), %r10
	cmpl $FIND_ARGUMENTS, 1(%r10)
	leaq 16(%rsp), %r11
	je 1f
	incq (%rsp)
	ret
1:
	addq $5, (%rsp)
	ret
2:
	subq %rsp, %r10
	negq %r10
	jmp __morestack
	.cfi_endproc
	.size __morestack_non_split, . - __morestack_non_split

// -mcmodel=large calls through %r11: both sizes come in %r10.
	.globl __morestack_large_model
	.type __morestack_large_model, @function
	.p2align 4
__morestack_large_model:
	.cfi_startproc
	.cfi_def_cfa %rsp, 16
	movq %r10, %r11
	shrq $32, %r11
	movl %r10d, %r10d
	jmp __morestack
	.cfi_endproc
	.size __morestack_large_model, . - __morestack_large_model

// With -fsplit-stack on the linker's command line too, the compiler's driver has pthread_create()
// replaced by this. Threads need nothing from us: their guard words are zero.
	.weak __wrap_pthread_create
	.type __wrap_pthread_create, @function
	.weak __real_pthread_create
	.p2align 4
__wrap_pthread_create:
	.cfi_startproc
	movq __real_pthread_create@GOTPCREL(%rip), %rax
	jmpq *%rax
	.cfi_endproc
	.size __wrap_pthread_create, . - __wrap_pthread_create

// To gold and lld this is code with the flag: or else the call of __morestack would itself be one to code
// without, in every function.
	.section .note.GNU-split-stack,"",@progbits
	.section .note.GNU-no-split-stack,"",@progbits

#endif

	.section .note.GNU-stack,"",@progbits
