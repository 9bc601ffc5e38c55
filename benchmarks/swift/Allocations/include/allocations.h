#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

/// How often memory was asked for since the process began, by whatever function.
unsigned long allocations(void);

#endif
