import cases from './examples/Cases.graphql?raw';
import createCase from './examples/CreateCase.graphql?raw';
import createCaseVariables from './examples/CreateCase.json?raw';

/** The tabs of somebody's first visit. */
export const examples = [{ query: cases }, { query: createCase, variables: createCaseVariables }];
