mmap 0 16 rw private,anon
rlimit as +32
mmap 20 4 rw private,anon
mmap 24 5 rw private,anon
mremap 20 4 9 -
mremap 20 4 8 -
mmap 30 1 - private,anon
brk 1
munmap 20 8
brk 4
snap maps,status
fork P1
on P1
rlimit data +8
mmap 40 2 rw private,anon
mmap 42 1 rw private,anon
mmap 42 1 r private,anon
mmap 43 1 rw shared,anon
mprotect 42 1 rw
brk 5
snap maps,status
on P0
mmap 60 4 rw private,anon,growsdown
rlimit stack 64
write 50 1
write 40 1
snap maps,status
