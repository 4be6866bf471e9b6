# moving, growing, splitting mappings of files
file f0 ext4 64 fill
mmap 0 16 rw shared f0 4
mmap 40 16 rw private f0 4
write 0 1
read 4
write 44 1
read 40
mremap 0 8 8 maymove,fixed 100
write 100 2
write 101 2
snap maps,pagemap,smaps,lru,mapcount
mremap 8 8 40 maymove,fixed 200
read 230
read 238
write 236 1
snap maps,pagemap,smaps,lru,mapcount
mremap 200 0 40 maymove,fixed 300
read 308
write 308 1
write 309 1
snap maps,pagemap,smaps,lru,mapcount
mremap 100 8 8 maymove,fixed,dontunmap 400
read 100
write 100 1
write 400 1
snap maps,pagemap,smaps,lru,mapcount
mremap 40 16 16 maymove,fixed,dontunmap 420
read 44
write 424 1
snap maps,pagemap,smaps,lru,mapcount
mprotect 204 8 r
mprotect 210 8 -
read 210
write 206 1
mprotect 204 20 rw
write 204 1
write 206 1
write 236 1
snap maps,pagemap,smaps,lru,mapcount
fsync f0
mprotect 204 20 r
mprotect 204 20 rw
write 206 1
snap pagemap,smaps,lru
mprotect 300 8 rx
mprotect 300 8 rwx
madvise 300 8 dontfork
madvise 316 4 random
madvise 320 4 sequential
snap maps,smaps
madvise 316 8 normal
snap maps,smaps,status
