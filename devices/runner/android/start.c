/* Where the program begins. Android's C library takes over with the stack as the kernel left it, calls main and exits; a
 * program without constructors and destructors has nothing else to tell it. */
typedef struct {
    void (**before)(void), (**init)(void), (**fini)(void);
    long more[3]; /* later versions count them */
} Structors;

int main(int, char **);
void __libc_init(void *stack, void (*at_exit)(void), int (*entry)(int, char **), const Structors *structors);

__attribute__((used, noreturn)) void runner_begin(void *stack) {
    static const Structors none;
    __libc_init(stack, 0, main, &none);
    __builtin_trap();
}

#if defined(__aarch64__)
__asm__(".globl _start\n.type _start,%function\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  b runner_begin\n");
#elif defined(__x86_64__)
__asm__(".globl _start\n.type _start,@function\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call runner_begin\n");
#elif defined(__arm__)
__asm__(".syntax unified\n.arm\n.globl _start\n.type _start,%function\n_start:\n  mov r0, sp\n  bl runner_begin\n");
#else
#error "no start for this processor"
#endif
