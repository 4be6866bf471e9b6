/**
 * What Linux 6.18.44 (x86-64, no randomisation, THP madvise, as root) answered to a random program. One operation a
 * line, its answer last; numbers of pages and errnos are decimal, page numbers and flags hexadecimal:
 *
 *     mmap PAGE NR PROT FLAGS IS_FILE OFFSET RET     `+` after the page: the hint is not aligned
 *     munmap PAGE NR RET
 *     mprotect PAGE NR PROT RET
 *     mremap PAGE OLD NEW FLAGS TO RET
 *     brk ADDRESS RET                               in bytes
 *     read PAGE SIGNAL, write PAGE SIGNAL           0 or 11, SIGSEGV
 *     maps START-END:PERMS[:OFFSET] ...             every mapping from the heap up, stack and vdso left out
 *
 * The heap begins as [4de, 500), all of it written to; pages 7ffff7ff7 to 7ffff7fff are the vdso's.
 */
export const RECORDED: readonly string[] = `
mmap 0 789 5 2 1 15 7ffff7ce2
write 7ffff7fd4 11
write 7ffff7fd5 11
mprotect 7ffff7e40 4 0 0
mmap 100000037 1 3 100022 0 0 100000037
read 7ffff7ec3 0
read 7ffff7ec4 0
read 7ffff7ec5 0
read 7ffff7ec6 0
mmap 0 3 3 22 0 0 7ffff7cdf
write 7ffff7ce2 11
write 7ffff7ce3 11
write 7ffff7ce4 11
write 7ffff7ce5 11
mmap 0 187 0 22 0 0 7ffff7c24
mmap 0 8 3 4002 1 8d 7ffff7c1c
mprotect 7ffff7ce0 6 5 0
write 10000003a 11
write 10000003b 11
write 10000003c 11
write 10000003d 11
mmap 7ffff7c1c 1 3 104022 0 0 -17
mremap 10000007f 1 1 2 100000038 -22
mremap 7ffff7c7e 6 518 2 7ffff7c20 -22
brk 1000004fe000 500000
mmap 100000002 16 3 32 0 0 100000002
mmap 0 769 6 22 0 0 7ffff791b
brk 1000004fa000 500000
munmap 10000000a 1 0
mmap 10000004e 10 0 100022 0 0 10000004e
mmap 100000037 10 3 100022 0 0 -17
brk 1000004fe000 500000
mprotect 7ffff7ce0 8 3 0
mremap 7ffff7ce1 7 5 6 100000037 -22
mprotect 100000071 5 2 -12
mmap 7ffff7ce2 3 3 22 0 0 7ffff7918
mremap 100000053 8 7 3 10000005b -14
mremap 7ffff7ce0 4 516 3 10000000d -14
write 10000000f 0
write 100000037 0
munmap 10000000d 1 0
read 10000003a 11
read 10000003b 11
read 10000003c 11
mprotect 7ffff7f39 190 3 0
mremap 7ffff791c 4 7 4 100000025 -22
mmap 0 29 1 1 1 32 7ffff78fb
brk 50d000 50d000
mremap 7ffff7c25 1 2 3 7ffff7901 7ffff7901
mremap 100000047 7 7 2 100000061 -22
mmap 100000037 1 3 100022 0 0 -17
brk 522000 522000
mprotect 100000010 12 1 -12
mprotect 100000059 1 5 -12
write 100000022 11
munmap 100000054 1 0
brk 524599 524599
mremap 100000036 30 30 5 100000014 -14
brk 10000051c599 524599
mmap 100000069+ 39 3 21 0 0 100000069
mprotect 100000048 8 1000003 -22
mremap 7ffff7cc5 8 8 2 7ffff7c7e -22
mremap 100000008 2 6 6 7ffff7f35 -22
brk 525599 525599
mprotect 7ffff7902 1 0 0
munmap 100000055 13 0
munmap 100000065 1 0
mmap 0 2 7 22 0 0 7ffff78f9
mmap 100000019 3 6 12 1 19 100000019
mprotect 7ffff7acd 8 3 0
mmap 7ffff7ce1 1 7 4132 0 0 7ffff7ce1
mremap 10000003a 0 3 0 0 -14
maps 4de-526:rw-p 100000002-10000000a:rw-p 10000000b-10000000d:rw-p 10000000e-100000010:rw-p 100000010-100000012:r--p 100000019-10000001c:-wxp:19 100000037-100000038:rw-p 10000004e-100000054:---p 100000069-100000090:rw-s:0 7ffff78f9-7ffff78fb:rwxp 7ffff78fb-7ffff7901:r--s:32 7ffff7901-7ffff7903:---p 7ffff7903-7ffff7918:r--s:3a 7ffff7918-7ffff791b:rw-p 7ffff791b-7ffff7acd:-wxp 7ffff7acd-7ffff7ad5:rw-p 7ffff7ad5-7ffff7c1c:-wxp 7ffff7c1c-7ffff7c24:rw-p:8d 7ffff7c24-7ffff7c25:---p 7ffff7c26-7ffff7cdf:---p 7ffff7cdf-7ffff7ce1:rw-p 7ffff7ce1-7ffff7ce2:rwxp 7ffff7ce2-7ffff7ce8:rw-p:15 7ffff7ce8-7ffff7e40:r-xp:1b 7ffff7e40-7ffff7e44:---p:173 7ffff7e44-7ffff7f39:r-xp:177 7ffff7f39-7ffff7ff7:rw-p:26c
read 7ffff78fd 0
read 7ffff78fe 0
read 7ffff78ff 0
read 7ffff7900 0
write 10000001c 11
write 10000001d 11
write 10000001e 11
write 10000001f 11
write 100000005 0
write 100000006 0
write 100000007 0
write 100000008 0
mprotect 7ffff7cda 5 3 0
write 10000003d 11
write 10000003e 11
write 10000003f 11
write 100000040 11
mmap 100000085 6 3 1 1 31 7ffff78f3
write 100000065 11
write 100000066 11
write 100000067 11
write 100000068 11
mremap 100000077 6 6 0 0 100000077
mprotect 7ffff7c5b 8 3 0
read 100000015 11
read 100000016 11
read 100000017 11
read 100000018 11
write 100000039 11
write 10000003a 11
write 10000003b 11
write 10000003c 11
mmap 0 1024 3 22 0 0 7ffff7400
mmap 7ffff78fa 1 3 100022 0 0 -17
read 10000002a 11
read 10000002b 11
read 10000002c 11
read 10000002d 11
mremap 7ffff7cdd 4 3 3 100000012 100000012
mprotect 100000012 1 3 0
mprotect 100000023 8 5 -12
mmap 0 3 7 4022 0 0 7ffff78f0
mremap 100000058 6 8 2 10000006c -22
mremap 100000015 1 513 1 0 -14
mremap 100000049 1 8 6 7ffff7cb5 -22
mmap 100000019+ 2 3 22 0 0 7ffff78ee
mmap 100000018 1 2 4022 0 0 100000018
mremap 7ffff7917 12 12 2 7ffff7fde -22
mmap 10000007a 4 3 100022 0 0 -17
write 100000074 0
write 100000075 0
write 100000076 0
write 100000077 0
mmap 0 4 6 22 0 0 7ffff78ea
mprotect 10000005d 6 1 -12
brk 100000523599 525599
mmap 100000003 4 2 104002 1 3 -17
mmap 0 1 2 21 0 0 7ffff78e9
mremap 7ffff78f0 7 7 3 7ffff7c95 7ffff7c95
write 10000007f 0
write 100000080 0
write 100000081 0
write 100000082 0
mremap 7ffff7c1c 1 513 1 0 7ffff71ff
mprotect 10000000c 5 3 -12
mremap 100000018 1 1 3 7ffff78ef 7ffff78ef
mprotect 100000019 2 3 0
brk 52b599 52b599
mmap 0 1536 6 2 1 13 7ffff6bff
mprotect 100000033 7 1000003 -22
mprotect 10000001d 10 5 -12
mmap 100000003 9 3 100021 0 0 -17
mremap 7ffff6ddc 6 2 2 7ffff7c1c -22
mremap 100000019 1 4 1 0 7ffff78f3
munmap 100000019 4 0
mmap 100000054 10 7 32 0 0 100000054
write 100000045 11
write 100000046 11
write 100000047 11
write 100000048 11
munmap 100000017 2 0
read 7ffff78ed 0
mremap 10000004b 8 12 0 0 -14
mmap 10000007b 1 7 100022 0 0 -17
mmap 7ffff7951 5 3 22 0 0 7ffff78e4
mremap 7ffff7ba9 2 2 0 0 7ffff7ba9
write 100000028 11
write 100000029 11
write 10000002a 11
write 10000002b 11
mmap 7ffff78f6 6 3 100021 0 0 -17
mremap 7ffff7cbf 5 11 1 0 7ffff78d9
mprotect 100000070 6 3 0
brk 52c599 52c599
mmap 100000060 1 3 100022 0 0 100000060
mremap 100000039 6 8 2 7ffff7ce1 -22
maps 4de-52d:rw-p 100000002-10000000a:rw-p 10000000b-10000000d:rw-p 10000000e-100000010:rw-p 100000010-100000012:r--p 100000012-100000015:rw-p 100000037-100000038:rw-p 10000004e-100000054:---p 100000054-10000005e:rwxp 100000060-100000061:rw-p 100000069-100000090:rw-s:0 7ffff6bff-7ffff71ff:-wxp:13 7ffff71ff-7ffff7400:rw-p:8d 7ffff7400-7ffff7800:rw-p 7ffff78d9-7ffff78e4:---p 7ffff78e4-7ffff78e9:rw-p 7ffff78e9-7ffff78ea:-w-s:0 7ffff78ea-7ffff78ee:-wxp 7ffff78ee-7ffff78ef:rw-p 7ffff78ef-7ffff78f0:-w-p 7ffff78f3-7ffff78f7:rw-p:19 7ffff78f7-7ffff78f9:rw-s:35 7ffff78f9-7ffff78fb:rwxp 7ffff78fb-7ffff7901:r--s:32 7ffff7901-7ffff7903:---p 7ffff7903-7ffff7918:r--s:3a 7ffff7918-7ffff791b:rw-p 7ffff791b-7ffff7acd:-wxp 7ffff7acd-7ffff7ad5:rw-p 7ffff7ad5-7ffff7c1c:-wxp 7ffff7c1d-7ffff7c24:rw-p:8e 7ffff7c24-7ffff7c25:---p 7ffff7c26-7ffff7c5b:---p 7ffff7c5b-7ffff7c63:rw-p 7ffff7c63-7ffff7c95:---p 7ffff7c95-7ffff7c98:rwxp 7ffff7c98-7ffff7c9c:rw-s:31 7ffff7c9c-7ffff7cbf:---p 7ffff7cc4-7ffff7cda:---p 7ffff7cda-7ffff7cdd:rw-p 7ffff7ce1-7ffff7ce2:rwxp 7ffff7ce2-7ffff7ce8:rw-p:15 7ffff7ce8-7ffff7e40:r-xp:1b 7ffff7e40-7ffff7e44:---p:173 7ffff7e44-7ffff7f39:r-xp:177 7ffff7f39-7ffff7ff7:rw-p:26c
mremap 10000008b 1 1 3 10000004c 10000004c
mremap 10000002d 3 515 7 10000005c -22
mremap 10000002c 8 12 2 100000038 -22
write 7ffff78ea 0
write 7ffff78eb 0
write 7ffff78ec 0
write 7ffff78ed 0
brk 530599 530599
mprotect 7ffff78e9 7 3 0
write 100000012 0
write 100000013 0
write 100000014 0
write 100000015 11
munmap 7ffff7ce1 6 0
mprotect 100000064 1 7 -12
munmap 100000063 6 0
mremap 7ffff7382 2 514 1 0 7ffff69fd
mprotect 100000057 5 3 0
write 7ffff78f8 0
write 7ffff78f9 0
write 7ffff78fa 0
write 7ffff78fb 11
write 7ffff7c1d 0
write 7ffff7c1e 0
write 7ffff7c1f 0
write 7ffff7c20 0
mremap 100000070 1 5 4 7ffff7913 -22
brk 10000051e599 530599
mmap 7ffff7902 7 3 24132 0 0 7ffff7902
mmap 100000016 7 3 22 0 0 100000016
mremap 7ffff78f8 6 10 2 100000057 -22
mmap 0 4 3 21 0 0 7ffff7ce3
mprotect 100000061 7 1000006 -12
mprotect 7ffff6d0e 8 3 0
munmap 100000059 9 0
mmap 0 512 7 22 0 0 7ffff6600
brk 53b599 53b599
write 7ffff7ce3 0
write 7ffff7ce4 0
write 7ffff7ce5 0
write 7ffff7ce6 0
mmap 0 559 6 22 0 0 7ffff63d1
munmap 100000040 15 0
brk 100000536599 53b599
mremap 7ffff78f5 1 513 2 100000058 -22
brk 100000536599 53b599
mmap 7ffff78f3 4 7 32 0 0 7ffff78f3
mremap 7ffff7bad 3 3 0 0 7ffff7bad
mmap 100000010 2 0 31 0 0 100000010
write 100000019 0
mremap 10000006f 5 4 2 100000059 -22
mmap 7ffff78e8 7 0 2 1 e8 7ffff78d2
mprotect 100000011 19 3 -12
mremap 7ffff6a94 5 5 7 100000024 100000024
read 7ffff78e5 0
read 7ffff78e6 0
read 7ffff78e7 0
read 7ffff78e8 0
write 10000001b 0
munmap 7ffff6bb8 5 0
mremap 7ffff78f8 8 10 2 100000059 -22
mremap 100000039 2 10 3 7ffff78fb -14
mprotect 10000006b 2 3 0
mmap 7ffff758d 1 6 22 0 0 7ffff7ce2
mremap 7ffff7c5f 7 3 2 100000028 -22
munmap 100000048 36 0
mmap 0 2 3 2 1 3c 7ffff7ce0
mremap 10000004a 10 10 2 10000000c -22
write 100000030 11
write 100000031 11
write 100000032 11
write 100000033 11
mmap 0 512 3 122 0 0 7ffff6000
write 100000051 11
write 100000052 11
write 100000053 11
write 100000054 11
mremap 100000012 7 519 3 100000021 -14
mmap 7ffff78f7 1 3 20022 0 0 7ffff7cdf
brk 100000539599 53b599
mmap 0 7 7 22 0 0 7ffff78cb
mprotect 7ffff6040 7 3 0
mmap 0 4 3 22 0 0 7ffff7cc0
mremap 7ffff7cdf 8 8 1 0 7ffff7cdf
maps 4de-53c:rw-p 100000002-10000000a:rw-p 10000000b-10000000d:rw-p 10000000e-100000010:rw-p 100000010-100000011:---s:0 100000011-100000012:rw-s:1 100000012-100000015:rw-p 100000016-10000001d:rw-p 100000024-100000029:rw-p:2a7 100000037-100000038:rw-p 10000006c-10000008b:rw-s:3 10000008c-100000090:rw-s:23 7ffff6000-7ffff6200:rw-p 7ffff63d1-7ffff6600:-wxp 7ffff6600-7ffff6800:rwxp 7ffff69fd-7ffff6bb8:rw-p:210 7ffff6bbd-7ffff6bff:rw-p:3d0 7ffff6bff-7ffff6d0e:-wxp:13 7ffff6d0e-7ffff6d16:rw-p:122 7ffff6d16-7ffff71ff:-wxp:12a 7ffff71ff-7ffff7382:rw-p:8d 7ffff7384-7ffff7400:rw-p:212 7ffff7400-7ffff7800:rw-p 7ffff78cb-7ffff78d2:rwxp 7ffff78d2-7ffff78d9:---p:e8 7ffff78d9-7ffff78e4:---p 7ffff78e4-7ffff78e9:rw-p 7ffff78e9-7ffff78ea:rw-s:0 7ffff78ea-7ffff78ef:rw-p 7ffff78ef-7ffff78f0:rw-p 7ffff78f3-7ffff78f7:rwxp 7ffff78f7-7ffff78f9:rw-s:35 7ffff78f9-7ffff78fb:rwxp 7ffff78fb-7ffff7901:r--s:32 7ffff7901-7ffff7902:---p 7ffff7902-7ffff7909:rw-p 7ffff7909-7ffff7918:r--s:40 7ffff7918-7ffff791b:rw-p 7ffff791b-7ffff7acd:-wxp 7ffff7acd-7ffff7ad5:rw-p 7ffff7ad5-7ffff7c1c:-wxp 7ffff7c1d-7ffff7c24:rw-p:8e 7ffff7c24-7ffff7c25:---p 7ffff7c26-7ffff7c5b:---p 7ffff7c5b-7ffff7c63:rw-p 7ffff7c63-7ffff7c95:---p 7ffff7c95-7ffff7c98:rwxp 7ffff7c98-7ffff7c9c:rw-s:31 7ffff7c9c-7ffff7cbf:---p 7ffff7cc0-7ffff7cc4:rw-p 7ffff7cc4-7ffff7cda:---p 7ffff7cda-7ffff7cdd:rw-p 7ffff7cdf-7ffff7ce0:rw-p 7ffff7ce0-7ffff7ce2:rw-p:3c 7ffff7ce2-7ffff7ce3:-wxp 7ffff7ce3-7ffff7ce7:rw-s:0 7ffff7ce7-7ffff7ce8:rw-p:1a 7ffff7ce8-7ffff7e40:r-xp:1b 7ffff7e40-7ffff7e44:---p:173 7ffff7e44-7ffff7f39:r-xp:177 7ffff7f39-7ffff7ff7:rw-p:26c
write 7ffff78eb 0
write 7ffff78ec 0
write 7ffff78ed 0
write 7ffff78ee 0
read 10000000f 0
mremap 100000056 9 9 7 7ffff7bb2 -14
mremap 100000033 7 7 0 0 -14
mmap 0 31 3 22 0 0 7ffff78ac
mremap 10000002b 4 9 5 7ffff5ffe -22
mmap 100000037 4 0 2 1 37 7ffff78a8
mmap 10000006b 2 0 100022 0 0 -17
mmap 7ffff78d2 4 3 11 1 d2 7ffff78d2
mmap 0 1024 3 20122 0 0 7ffff5a00
mremap 7ffff7bac 8 11 7 100000044 -22
mremap 100000051 21 6 3 10000007a -14
mremap 7ffff64e9 7 519 5 7ffff78d2 -22
mmap 0 512 3 22 0 0 7ffff5600
munmap 7ffff78e5 6 0
mmap 100000067 5 1 22 0 0 100000067
read 100000025 0
munmap 100000007 9 0
write 7ffff7ce5 0
write 7ffff7ce6 0
write 7ffff7ce7 0
write 7ffff7ce8 11
mremap 7ffff7c1b 3 4 1 0 -14
mprotect 10000003e 5 3 -12
mremap 100000032 3 3 5 7ffff78d9 -14
mremap 100000020 9 521 2 100000015 -22
mmap 100000046+ 4 3 22 0 0 100000046
mmap 0 512 3 122 0 0 7ffff5400
mremap 7ffff78cc 1 1 2 100000018 -22
mprotect 7ffff7cdb 4 7 -12
mmap 0 5 1 22 0 0 7ffff78e6
munmap 7ffff78d9 4 0
munmap 100000020 3 0
write 7ffff78e9 11
write 7ffff78ea 11
write 7ffff78eb 0
munmap 10000004a 3 0
write 7ffff544d 0
write 7ffff544e 0
write 7ffff544f 0
write 7ffff5450 0
brk 10000053a599 53b599
mmap 10000000f+ 10 2 22 0 0 7ffff789e
write 7ffff54d9 0
write 7ffff54da 0
write 7ffff54db 0
write 7ffff54dc 0
mmap 7ffff78d4 2 6 120022 0 0 -17
brk 54d599 54d599
munmap 7ffff7c26 7 0
mmap 0 2 7 122 0 0 7ffff7cdd
write 10000007d 0
write 10000007e 0
write 10000007f 0
write 100000080 0
mprotect 7ffff78bc 2 6 0
mmap 0 1536 1 22 0 0 7ffff4c00
write 100000060 11
write 100000061 11
write 100000062 11
write 100000063 11
mmap 100000028 3 6 100022 0 0 -17
mremap 7ffff78ec 2 2 1 0 7ffff78ec
mprotect 7ffff7bad 7 7 0
munmap 7ffff641e 2 0
munmap 100000039 8 0
mmap 0 653 3 22 0 0 7ffff4973
mmap 0 35 2 22 0 0 7ffff787b
mprotect 100000032 3 3 -12
mremap 7ffff78a8 4 516 0 0 -12
mmap 0 512 3 20022 0 0 7ffff4600
munmap 7ffff7906 3 0
mremap 7ffff772c 2 1 3 7ffff7c96 7ffff7c96
mmap 100000008 10 3 22 0 0 7ffff7871
mmap 0 527 0 22 0 0 7ffff43f1
write 7ffff7905 0
write 7ffff7906 11
write 7ffff7907 11
write 7ffff7908 11
mprotect 7ffff4418 4 1000002 -22
maps 4de-54e:rw-p 100000002-100000007:rw-p 100000010-100000011:---s:0 100000011-100000012:rw-s:1 100000012-100000015:rw-p 100000016-10000001d:rw-p 100000024-100000029:rw-p:2a7 100000037-100000038:rw-p 100000046-10000004a:rw-p 100000067-10000006c:r--p 10000006c-10000008b:rw-s:3 10000008c-100000090:rw-s:23 7ffff43f1-7ffff4600:---p 7ffff4600-7ffff4800:rw-p 7ffff4973-7ffff4c00:rw-p 7ffff4c00-7ffff5200:r--p 7ffff5400-7ffff5600:rw-p 7ffff5600-7ffff5800:rw-p 7ffff5a00-7ffff5e00:rw-p 7ffff6000-7ffff6200:rw-p 7ffff63d1-7ffff641e:-wxp 7ffff6420-7ffff6600:-wxp 7ffff6600-7ffff6800:rwxp 7ffff69fd-7ffff6bb8:rw-p:210 7ffff6bbd-7ffff6bff:rw-p:3d0 7ffff6bff-7ffff6d0e:-wxp:13 7ffff6d0e-7ffff6d16:rw-p:122 7ffff6d16-7ffff71ff:-wxp:12a 7ffff71ff-7ffff7382:rw-p:8d 7ffff7384-7ffff7400:rw-p:212 7ffff7400-7ffff772c:rw-p 7ffff772e-7ffff7800:rw-p 7ffff7871-7ffff787b:rw-p 7ffff787b-7ffff78a8:-w-p 7ffff78a8-7ffff78ac:---p:37 7ffff78ac-7ffff78bc:rw-p 7ffff78bc-7ffff78be:-wxp 7ffff78be-7ffff78cb:rw-p 7ffff78cb-7ffff78d2:rwxp 7ffff78d2-7ffff78d6:rw-s:d2 7ffff78d6-7ffff78d9:---p:ec 7ffff78dd-7ffff78e4:---p 7ffff78e4-7ffff78e5:rw-p 7ffff78e6-7ffff78eb:r--p 7ffff78eb-7ffff78ef:rw-p 7ffff78ef-7ffff78f0:rw-p 7ffff78f3-7ffff78f7:rwxp 7ffff78f7-7ffff78f9:rw-s:35 7ffff78f9-7ffff78fb:rwxp 7ffff78fb-7ffff7901:r--s:32 7ffff7901-7ffff7902:---p 7ffff7902-7ffff7906:rw-p 7ffff7909-7ffff7918:r--s:40 7ffff7918-7ffff791b:rw-p 7ffff791b-7ffff7acd:-wxp 7ffff7acd-7ffff7ad5:rw-p 7ffff7ad5-7ffff7bad:-wxp 7ffff7bad-7ffff7bb4:rwxp 7ffff7bb4-7ffff7c1c:-wxp 7ffff7c1d-7ffff7c24:rw-p:8e 7ffff7c24-7ffff7c25:---p 7ffff7c2d-7ffff7c5b:---p 7ffff7c5b-7ffff7c63:rw-p 7ffff7c63-7ffff7c95:---p 7ffff7c95-7ffff7c96:rwxp 7ffff7c96-7ffff7c97:rw-p 7ffff7c97-7ffff7c98:rwxp 7ffff7c98-7ffff7c9c:rw-s:31 7ffff7c9c-7ffff7cbf:---p 7ffff7cc0-7ffff7cc4:rw-p 7ffff7cc4-7ffff7cda:---p 7ffff7cda-7ffff7cdb:rw-p 7ffff7cdb-7ffff7cdd:rwxp 7ffff7cdd-7ffff7cdf:rwxp 7ffff7cdf-7ffff7ce0:rw-p 7ffff7ce0-7ffff7ce2:rw-p:3c 7ffff7ce2-7ffff7ce3:-wxp 7ffff7ce3-7ffff7ce7:rw-s:0 7ffff7ce7-7ffff7ce8:rw-p:1a 7ffff7ce8-7ffff7e40:r-xp:1b 7ffff7e40-7ffff7e44:---p:173 7ffff7e44-7ffff7f39:r-xp:177 7ffff7f39-7ffff7ff7:rw-p:26c
mmap 0 4 6 122 0 0 7ffff7c29
mprotect 7ffff6057 5 3 0
mmap 7ffff78ec 2 6 32 0 0 7ffff78ec
mmap 7ffff7ce5 3 3 100022 0 0 -17
mprotect 10000005b 6 0 -12
mremap 100000063 4 9 2 10000005c -22
write 10000004e 11
write 10000004f 11
write 100000050 11
write 100000051 11
mremap 7ffff47fb 510 9 2 7ffff7c3b -22
mmap 7ffff7cdb 7 2 100022 0 0 -17
mmap 7ffff786d 7 3 100022 0 0 -17
mmap 0 6 1 122 0 0 7ffff786b
mmap 10000003a 7 3 32 0 0 10000003a
mremap 10000006a 4 4 0 0 10000006a
read 10000004f 11
read 100000050 11
read 100000051 11
read 100000052 11
mmap 100000070 6 3 12 1 70 100000070
mmap 7ffff7bad 5 3 21 0 0 7ffff6bb8
mmap 100000036 22 3 32 0 0 100000036
mmap 7ffff7c9c 3 7 20022 0 0 7ffff7906
write 100000037 0
write 100000038 0
write 100000039 0
write 10000003a 0
mremap 7ffff7906 3 5 0 0 -12
mmap 100000029 5 3 22 0 0 100000029
mremap 7ffff72a2 6 2 1 0 7ffff72a2
mmap 0 3 0 4022 0 0 7ffff78f0
mprotect 100000013 5 3 -12
mremap 7ffff78d6 6 518 1 0 -14
mmap 0 512 3 22 0 0 7ffff4000
mprotect 100000034 2 5 -12
write 10000002b 0
write 10000002c 0
write 10000002d 0
write 100000067 11
write 100000068 11
munmap 7ffff7918 7 0
mmap 0 6 3 21 0 0 7ffff7919
mprotect 10000001e 7 1 -12
write 7ffff7ce2 0
write 7ffff7ce3 0
write 7ffff7ce4 0
mmap 0 4 3 22 0 0 7ffff78d9
mprotect 7ffff78d5 4 3 0
write 7ffff78f2 11
write 7ffff78f3 0
write 7ffff78f4 0
mremap 7ffff7cdf 8 2 3 100000007 -14
mmap 7ffff7c96 8 1 32 0 0 7ffff7c96
mremap 7ffff7909 2 4 3 100000065 100000065
mremap 100000070 2 2 0 0 100000070
mmap 10000000c+ 7 3 22 0 0 7ffff69f6
mremap 7ffff7c97 6 3 0 0 7ffff7c97
write 7ffff78d7 0
write 7ffff78d8 0
write 7ffff78d9 0
write 7ffff78da 0
munmap 7ffff7871 8 0
mmap 10000000f 8 3 22 0 0 7ffff7871
brk 562599 562599
munmap 10000005b 8 0
mremap 10000002d 6 8 5 100000049 -22
mmap 7ffff789e 1 5 11 1 e 7ffff789e
mmap 10000002a 2 2 20002 1 2a 7ffff7c9b
mmap 0 1 3 21 0 0 7ffff7cbf
munmap 7ffff41c0 170 0
mremap 100000002 34 34 3 7ffff69fa 7ffff69fa
munmap 7ffff78f3 5 0
mprotect 10000007b 7 3 0
mremap 10000005e 2 514 3 7ffff7cde -14
mprotect 7ffff7919 6 1000005 -22
mprotect 10000006d 4 3 0
mmap 0 7 3 22 0 0 7ffff69ef
mmap 0 100000 3 20002 1 21 7fffdb960
maps 4de-563:rw-p 100000024-100000029:rw-p:2a7 100000029-10000002e:rw-p 100000036-10000004c:rw-p 100000065-100000069:r--s:40 100000069-10000006c:r--p 10000006c-100000070:rw-s:3 100000070-100000076:rw-p:70 100000076-10000008b:rw-s:d 10000008c-100000090:rw-s:23 7fffdb960-7ffff4000:rw-p:21 7ffff4000-7ffff41c0:rw-p 7ffff43f1-7ffff4600:---p 7ffff4600-7ffff4800:rw-p 7ffff4973-7ffff4c00:rw-p 7ffff4c00-7ffff5200:r--p 7ffff5400-7ffff5600:rw-p 7ffff5600-7ffff5800:rw-p 7ffff5a00-7ffff5e00:rw-p 7ffff6000-7ffff6200:rw-p 7ffff63d1-7ffff641e:-wxp 7ffff6420-7ffff6600:-wxp 7ffff6600-7ffff6800:rwxp 7ffff69ef-7ffff69fa:rw-p 7ffff69fa-7ffff69ff:rw-p 7ffff69ff-7ffff6a08:rw-p:212 7ffff6a08-7ffff6a09:---s:0 7ffff6a09-7ffff6a0a:rw-s:1 7ffff6a0a-7ffff6a0d:rw-p 7ffff6a0d-7ffff6a0e:rw-p:220 7ffff6a0e-7ffff6a15:rw-p 7ffff6a15-7ffff6bb8:rw-p:228 7ffff6bb8-7ffff6bbd:rw-s:0 7ffff6bbd-7ffff6bff:rw-p:3d0 7ffff6bff-7ffff6d0e:-wxp:13 7ffff6d0e-7ffff6d16:rw-p:122 7ffff6d16-7ffff71ff:-wxp:12a 7ffff71ff-7ffff72a4:rw-p:8d 7ffff72a8-7ffff7382:rw-p:136 7ffff7384-7ffff7400:rw-p:212 7ffff7400-7ffff772c:rw-p 7ffff772e-7ffff7800:rw-p 7ffff786b-7ffff7871:r--p 7ffff7871-7ffff787b:rw-p 7ffff787b-7ffff789e:-w-p 7ffff789e-7ffff789f:r-xs:e 7ffff789f-7ffff78a8:-w-p 7ffff78a8-7ffff78ac:---p:37 7ffff78ac-7ffff78bc:rw-p 7ffff78bc-7ffff78be:-wxp 7ffff78be-7ffff78cb:rw-p 7ffff78cb-7ffff78d2:rwxp 7ffff78d2-7ffff78d6:rw-s:d2 7ffff78d6-7ffff78d9:rw-p:ec 7ffff78d9-7ffff78dd:rw-p 7ffff78dd-7ffff78e4:---p 7ffff78e4-7ffff78e5:rw-p 7ffff78e6-7ffff78eb:r--p 7ffff78eb-7ffff78ec:rw-p 7ffff78ec-7ffff78ee:-wxp 7ffff78ee-7ffff78ef:rw-p 7ffff78ef-7ffff78f0:rw-p 7ffff78f0-7ffff78f3:---p 7ffff78f8-7ffff78f9:rw-s:36 7ffff78f9-7ffff78fb:rwxp 7ffff78fb-7ffff7901:r--s:32 7ffff7901-7ffff7902:---p 7ffff7902-7ffff7906:rw-p 7ffff7906-7ffff7909:rwxp 7ffff790b-7ffff7918:r--s:42 7ffff7919-7ffff791f:rw-s:0 7ffff791f-7ffff7acd:-wxp 7ffff7acd-7ffff7ad5:rw-p 7ffff7ad5-7ffff7bad:-wxp 7ffff7bad-7ffff7bb4:rwxp 7ffff7bb4-7ffff7c1c:-wxp 7ffff7c1d-7ffff7c24:rw-p:8e 7ffff7c24-7ffff7c25:---p 7ffff7c29-7ffff7c2d:-wxp 7ffff7c2d-7ffff7c5b:---p 7ffff7c5b-7ffff7c63:rw-p 7ffff7c63-7ffff7c95:---p 7ffff7c95-7ffff7c96:rwxp 7ffff7c96-7ffff7c9a:r--p 7ffff7c9b-7ffff7c9d:-w-p:2a 7ffff7c9d-7ffff7c9e:r--p 7ffff7c9e-7ffff7cbf:---p 7ffff7cbf-7ffff7cc0:rw-s:0 7ffff7cc0-7ffff7cc4:rw-p 7ffff7cc4-7ffff7cda:---p 7ffff7cda-7ffff7cdb:rw-p 7ffff7cdb-7ffff7cdd:rwxp 7ffff7cdd-7ffff7cdf:rwxp 7ffff7cdf-7ffff7ce0:rw-p 7ffff7ce0-7ffff7ce2:rw-p:3c 7ffff7ce2-7ffff7ce3:-wxp 7ffff7ce3-7ffff7ce7:rw-s:0 7ffff7ce7-7ffff7ce8:rw-p:1a 7ffff7ce8-7ffff7e40:r-xp:1b 7ffff7e40-7ffff7e44:---p:173 7ffff7e44-7ffff7f39:r-xp:177 7ffff7f39-7ffff7ff7:rw-p:26c
mremap 100000069 4 4 0 0 100000069
munmap 7ffff78a8 7 0
mmap 10000008b 7 3 2 1 8b 7ffff78a8
mmap 100000037 4 5 100022 0 0 -17
mremap 7ffff7ce0 7 7 1 0 7ffff7ce0
mremap 7ffff7c92 1 1 0 0 7ffff7c92
`
  .trim()
  .split("\n");
