/** The sign of dynamesh: a ring with three owners. */
export function Mark() {
  return (
    <svg class='mark' viewBox='0 0 32 32' aria-hidden='true'>
      <path class='slot-0' d='M16 5a11 11 0 0 1 9.53 16.5' />
      <path class='slot-1' d='M25.53 21.5A11 11 0 0 1 6.47 21.5' />
      <path class='slot-2' d='M6.47 21.5A11 11 0 0 1 16 5' />
    </svg>
  )
}
