# Which neighbours become one, and what splits them.
mmap 10 8 rw private,anon
mmap 18 4 rw private,anon
mmap 6 4 rw private,anon
snap maps,status
mprotect 9 2 r
mprotect 12 1 r
snap maps
mprotect 9 2 rw
snap maps
mprotect 12 1 rw
snap maps
madvise 10 4 sequential
madvise 14 4 random
snap maps,smaps
madvise 10 8 normal
snap maps,smaps
# Touched on both sides: each has an anon_vma of its own.
mmap 40 2 rw private,anon
mmap 44 2 rw private,anon
write 40 1
write 44 2
mmap 42 2 rw private,anon
snap maps
# The middle one has none and joins both, or not.
mmap 60 2 rw private,anon
write 60 1
mmap 62 2 rw private,anon
mmap 64 2 rw private,anon
write 64 1
snap maps
munmap 61 1
mmap 61 1 rw private,anon
write 61 1
snap maps
# What came over fork does not join what is new.
fork P1
on P1
mmap 22 2 rw private,anon
mmap 46 2 rw private,anon
write 47 1
snap maps,pagemap
mremap 46 2 2 maymove,fixed 70
mmap 72 2 rw private,anon
snap maps
on P0
munmap 0 66
snap maps,status
